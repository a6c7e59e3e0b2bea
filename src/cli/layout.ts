/** SQL to read: sql-formatter breaks every line that it can, so what fits on one line is joined again. */
import { format } from 'sql-formatter';

const LINE_MAX_CHARS = 100;

/** A line with what is indented below it, and the line that closes that. */
type Block = { readonly first: string; readonly inner: Block[]; last: string };

export function layOut(text: string): string {
  const broken = format(text, {
    language: 'sqlite',
    keywordCase: 'upper',
    functionCase: 'lower',
    expressionWidth: LINE_MAX_CHARS,
    useTabs: true,
  });
  return linesOf(blocksIn(broken.split('\n'))).join('\n');
}

function blocksIn(lines: readonly string[], depth = 0): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]?.trim() ?? '';
    const next = lines.findIndex(
      (other, index) => index > at && !other.startsWith('\t'.repeat(depth + 1)),
    );
    const end = next < 0 ? lines.length : next;
    const above = blocks.at(-1);
    if (above && /^(?:\)|END\b)/.test(line) && end === at + 1) above.last = line;
    else
      blocks.push({ first: line, inner: blocksIn(lines.slice(at + 1, end), depth + 1), last: '' });
    at = end;
  }
  return blocks;
}

function linesOf(blocks: readonly Block[]): string[] {
  const isList = blocks.slice(0, -1).every((block) => oneLine(block).endsWith(','));
  const lines: string[][] = [];
  for (const block of blocks) {
    const line = oneLine(block);
    const next = line.length <= LINE_MAX_CHARS ? [line] : linesOfLong(block);
    const above = lines.at(-1);
    const joined = `${above} ${line}`;
    if (isList && above?.length === 1 && joined.length <= LINE_MAX_CHARS) above[0] = joined;
    else lines.push(next);
  }
  return lines.flat();
}

function linesOfLong({ first, inner, last }: Block): string[] {
  const [only, ...others] = inner;
  if (only && others.length === 0 && last === '')
    return linesOfLong({ ...only, first: `${first} ${only.first}` });
  const select = inner.map(oneLine).join(' ');
  const isShort = select.startsWith('SELECT') && select.length <= LINE_MAX_CHARS;
  return [
    first,
    ...(isShort ? [select] : linesOf(inner)).map((line) => `\t${line}`),
    ...(last === '' ? [] : [last]),
  ];
}

const oneLine = ({ first, inner, last }: Block): string =>
  [first, ...inner.map(oneLine), last].reduce((text, more) =>
    text.endsWith('(') || more.startsWith(')') || more === '' ? text + more : `${text} ${more}`,
  );
