/** Collects the figures of several rounds, and formats tables. */

export function computeMedian(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export class Rounds {
  readonly #figures = new Map<string, number[]>();

  add(row: string, column: string, figure: number): void {
    const key = `${row}|${column}`;
    this.#figures.set(key, [...(this.#figures.get(key) ?? []), figure]);
  }

  getFigures(row: string, column: string): readonly number[] {
    return this.#figures.get(`${row}|${column}`) ?? [];
  }

  computeMedian(row: string, column: string): number {
    return computeMedian(this.getFigures(row, column));
  }

  /** Returns the lowest figure. Higher figures include V8's compilation or garbage collection. */
  findLeast(row: string, column: string): number {
    return Math.min(...this.getFigures(row, column));
  }

  /** Divides `column` by `base` in each round, and returns the median of these ratios. */
  computeRatio(row: string, column: string, base: string): number {
    const bases = this.getFigures(row, base);
    return computeMedian(
      this.getFigures(row, column).map((figure, round) => figure / (bases[round] ?? Number.NaN)),
    );
  }
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export const progress = (text: string) => console.error(`bench: ${text}`);
