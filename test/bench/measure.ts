/**
 * Collects the figures of rounds. All Workers run in turn in each round, so that other load on the
 * machine hits all alike.
 */

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export class Rounds {
  readonly #figures = new Map<string, number[]>();

  add(row: string, column: string, figure: number): void {
    const key = `${row}|${column}`;
    this.#figures.set(key, [...(this.#figures.get(key) ?? []), figure]);
  }

  of(row: string, column: string): readonly number[] {
    return this.#figures.get(`${row}|${column}`) ?? [];
  }

  median(row: string, column: string): number {
    return median(this.of(row, column));
  }

  /**
   * Returns the least figure of all rounds. In the other rounds V8 also compiles or collects
   * garbage.
   */
  least(row: string, column: string): number {
    return Math.min(...this.of(row, column));
  }

  /** Returns the median of the ratios within each round. */
  ratio(row: string, column: string, to: string): number {
    const base = this.of(row, to);
    return median(
      this.of(row, column).map((figure, round) => figure / (base[round] ?? Number.NaN)),
    );
  }
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export const progress = (text: string) => console.error(`bench: ${text}`);
