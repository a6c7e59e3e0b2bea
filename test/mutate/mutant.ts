/** What a mutant is: one small change of one source file. */

export type Change = {
  /** What it replaces, as offsets in the file. */
  readonly start: number;
  readonly end: number;
  readonly to: string;
  /**
   * Where it is: the outermost function or the statement of SQL, by its offset; or the constant, by its name, which a module
   * computes once, when it loads. Undefined if it is in neither.
   */
  readonly scope: number | string | undefined;
};

export type Mutant = Change & {
  /** From 1; 0 is the program as it is. */
  readonly id: number;
  readonly file: string;
  readonly before: string;
  readonly after: string;
};

const AROUND_CHARS = 60;

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/** A change as it is listed: its line before and after, shortened around the difference. Holds when lines move. */
export function shown(source: string, { start, end, to }: Change): { readonly before: string; readonly after: string } {
  const first = source.lastIndexOf('\n', start - 1) + 1;
  const last = source.indexOf('\n', end);
  const [head, tail] = [source.slice(first, start), source.slice(end, last < 0 ? source.length : last)];
  // What the two have in common counts as what is around the difference.
  const from = source.slice(start, end);
  let same = 0;
  while (same < Math.min(from.length, to.length) && from[same] === to[same]) same += 1;
  let alike = 0;
  while (alike < Math.min(from.length, to.length) - same && from.at(-1 - alike) === to.at(-1 - alike)) alike += 1;
  const around = (middle: string) => {
    const left = oneLine(`${head}${from.slice(0, same)}|`).slice(0, -1);
    const right = oneLine(`|${from.slice(from.length - alike)}${tail}`).slice(1);
    const shortLeft = left.length > AROUND_CHARS ? `…${left.slice(-AROUND_CHARS)}` : left;
    const shortRight = right.length > AROUND_CHARS ? `${right.slice(0, AROUND_CHARS)}…` : right;
    const short =
      middle.length > 2 * AROUND_CHARS ? `${middle.slice(0, AROUND_CHARS)}…${middle.slice(-AROUND_CHARS)}` : middle;
    return `${shortLeft}${short}${shortRight}`.trim();
  };
  return {
    before: around(oneLineKeeping(from.slice(same, from.length - alike))),
    after: around(oneLineKeeping(to.slice(same, to.length - alike))),
  };
}

const oneLineKeeping = (text: string) => text.replace(/\s+/g, ' ');
