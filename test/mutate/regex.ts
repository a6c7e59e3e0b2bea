/** The changes of a regular expression, as a literal: anchors, quantifiers, classes, alternatives and flags. */

/** One step in a pattern: an escape, a class, a group's start, a quantifier, or a character. */
const STEP =
  /\\(?:[pP]\{[^}]*\}|k<[^>]*>|u\{[^}]*\}|.)|\[(?:\\.|[^\]\\])*\]|\((?:\?(?:<?[=!]|:|<\w+>))?|\{\d+(?:,\d*)?\}\??|[*+?]\??|./gsu;

const OPPOSITE: Record<string, string> = { d: 'D', D: 'd', w: 'W', W: 'w', s: 'S', S: 's', b: 'B', B: 'b' };

export function regexChanges(literal: string): string[] {
  const end = literal.lastIndexOf('/');
  const [pattern, flags] = [literal.slice(1, end), literal.slice(end + 1)];
  const changed = new Set<string>();
  const add = (start: number, stop: number, to: string) =>
    changed.add(`/${pattern.slice(0, start)}${to}${pattern.slice(stop)}/${flags}`);

  /** Where the alternatives of each open group begin, the pattern's own first. */
  const groups: { starts: number[]; ends: number[] }[] = [{ starts: [0], ends: [] }];
  const close = (at: number) => {
    const { starts, ends } = groups.pop() ?? { starts: [], ends: [] };
    ends.push(at);
    if (starts.length < 2) return;
    starts.forEach((start, index) => {
      const stop = ends[index] ?? at;
      // With the bar behind it, or that before it if it is the last.
      if (index < starts.length - 1) add(start, stop + 1, '');
      else add(start - 1, stop, '');
    });
  };

  for (const { 0: step, index } of pattern.matchAll(STEP)) {
    const stop = index + step.length;
    if (step === '^' || step === '$') add(index, stop, '');
    else if (/^(?:[*+?]|\{\d)/.test(step)) add(index, stop, '');
    else if (step.startsWith('[')) add(index, stop, step.startsWith('[^') ? `[${step.slice(2)}` : `[^${step.slice(1)}`);
    else if (step.length === 2 && step.startsWith('\\') && OPPOSITE[step.charAt(1)])
      add(index, stop, `\\${OPPOSITE[step.charAt(1)]}`);
    else if (step.startsWith('(')) groups.push({ starts: [stop], ends: [] });
    else if (step === ')') close(index);
    else if (step === '|') {
      groups.at(-1)?.ends.push(index);
      groups.at(-1)?.starts.push(stop);
    }
  }
  close(pattern.length);
  for (const flag of flags) if ('gims'.includes(flag)) changed.add(`/${pattern}/${flags.replace(flag, '')}`);
  return [...changed].filter((to) => !to.startsWith('//'));
}
