/**
 * The mutants of generated SQL, `statement(` … `)` in src/…/sql.generated.ts: one condition, value or column at a time. A file
 * with them behind a switch changes the text of a statement before it is parsed.
 */
import type { Change } from './mutant.ts';

const STATEMENT = /statement\(`([^`]*)`\)/g;

/** White space is between tokens; a column is one token with its table. */
const TOKEN = /'[^']*'|:[a-z_]+|[A-Za-z_][\w.]*|\d+(?:\.\d+)?|<>|<=|>=|[^\s]/g;

type Token = { readonly text: string; readonly start: number; readonly end: number };

const REPLACED: ReadonlyMap<string, string> = new Map([
  ['=', '<>'],
  ['<>', '='],
  ['<', '<='],
  ['<=', '<'],
  ['>', '>='],
  ['>=', '>'],
  ['AND', 'OR'],
  ['OR', 'AND'],
  ['ASC', 'DESC'],
  ['DESC', 'ASC'],
  ['min', 'max'],
  ['max', 'min'],
  ['IN', 'NOT IN'],
]);

/** What ends an expression, at its depth. */
const ENDS = new Set(
  [
    'SELECT',
    'FROM',
    'WHERE',
    'ON',
    'SET',
    'LEFT',
    'JOIN',
    'ORDER',
    'BY',
    'LIMIT',
    'RETURNING',
    'UNION',
    'ALL',
    'VALUES',
  ].concat(['WHEN', 'THEN', 'ELSE', 'END', 'CASE', 'AS', 'ASC', 'DESC', ',', '(', ')', 'INTO', 'UPDATE', 'INSERT']),
);

export function changesOf(source: string): Change[] {
  return [...source.matchAll(STATEMENT)].flatMap(({ 0: call, 1: text = '', index }) => {
    const offset = index + call.indexOf('`') + 1;
    return changesIn(text).map(({ start, end, to }) => ({
      start: offset + start,
      end: offset + end,
      to,
      scope: offset,
    }));
  });
}

function changesIn(text: string): { readonly start: number; readonly end: number; readonly to: string }[] {
  const tokens: Token[] = [...text.matchAll(TOKEN)].map(({ 0: found, index }) => ({
    text: found,
    start: index,
    end: index + found.length,
  }));
  const params = [...new Set(tokens.map((token) => token.text).filter((name) => /^:[a-z]/.test(name)))];
  const found = new Map<string, { start: number; end: number; to: string }>();
  const change = (first: number, last: number, to: string) => {
    const [start, end] = [tokens[first]?.start, tokens[last]?.end];
    if (start !== undefined && end !== undefined && text.slice(start, end) !== to)
      found.set(`${start}-${end}-${to}`, { start, end, to });
  };
  const textOf = (first: number, last: number) => text.slice(tokens[first]?.start, tokens[last]?.end);
  const at = (index: number) => tokens[index]?.text ?? '';
  /** The token behind an expression that begins here: at its depth, brackets and CASE … END counting as one. */
  const endOf = (index: number, ends: (token: string) => boolean, step: 1 | -1 = 1): number => {
    let depth = 0;
    let here = index;
    for (; here >= 0 && here < tokens.length; here += step) {
      const token = at(here);
      if (depth === 0 && ends(token)) return here;
      if (token === '(' || token === 'CASE') depth += step;
      else if (token === ')' || token === 'END') depth -= step;
      if (depth < 0) return here;
    }
    return here;
  };
  const endsOperand = (token: string) =>
    token === 'AND' ||
    token === 'OR' ||
    (ENDS.has(token) && !'()'.includes(token) && token !== 'CASE' && token !== 'END');
  const endsItem = (token: string) => token === ',' || /^(?:FROM|WHERE|ORDER|LIMIT|RETURNING|UNION)$/.test(token);
  const clauseOf = (index: number) =>
    at(endOf(index - 1, (token) => /^(?:SELECT|SET|WHERE|ON|RETURNING|WHEN|THEN|ELSE|LIMIT|BY|INTO)$/.test(token), -1));

  /** The items of a list that begins here, as first and last token. */
  const itemsOf = (index: number, ends: (token: string) => boolean): [number, number][] => {
    const items: [number, number][] = [];
    for (let first = index; first < tokens.length; ) {
      const behind = endOf(first, (token) => token === ',' || ends(token));
      items.push([first, behind - 1]);
      if (at(behind) !== ',') break;
      first = behind + 1;
    }
    return items;
  };
  /** Each item dropped, with the comma behind it, or the one before the last. */
  const withoutEach = (items: readonly [number, number][]) => {
    for (const [index, [first, last]] of items.entries()) {
      const [before, after] = [items[index - 1], items[index + 1]];
      if (after) change(first, after[0] - 1, '');
      else if (before) change(before[1] + 1, last, '');
    }
  };

  tokens.forEach(({ text: token }, index) => {
    const next = at(index + 1);
    const before = at(index - 1);
    const replaced = REPLACED.get(token);
    // In SET it assigns; in CASE and in a list of columns it cannot stand.
    const isAssignment = token === '=' && clauseOf(index) === 'SET';
    if (replaced && !isAssignment) change(index, index, replaced);

    if (token === 'AND' || token === 'OR') {
      const first = endOf(index - 1, endsOperand, -1) + 1;
      const behind = endOf(index + 1, endsOperand);
      const neutral = token === 'AND' ? '1' : '0';
      change(first, index - 1, neutral);
      change(index + 1, behind - 1, neutral);
    }
    if (token === 'WHERE' || token === 'ON') {
      const behind = endOf(index + 1, endsOperand);
      if (at(behind) !== 'AND' && at(behind) !== 'OR') change(index + 1, behind - 1, '1');
    }
    if (token === 'NOT') change(index, index, '');
    if (token === 'EXISTS' && before !== 'NOT') change(index, index, 'NOT EXISTS');
    if (token === 'IS' && next !== 'NOT') change(index, index, 'IS NOT');
    if (token === 'LEFT') change(index, index, '');
    if (token === 'coalesce' && next === '(') {
      const items = itemsOf(index + 2, (other) => other === ')');
      const [first, second] = items;
      if (items.length > 2) withoutEach(items);
      // It takes two arms at least.
      else if (first && second)
        for (const [from, to] of [first, second]) change(index, second[1] + 1, `(${textOf(from, to)})`);
    }
    if (token === 'WHEN') {
      const behind = endOf(index + 1, (other) => other === 'WHEN' || other === 'ELSE' || other === 'END');
      const isOnly = before !== 'CASE' && at(index - 2) !== 'CASE' ? false : at(behind) !== 'WHEN';
      if (!isOnly) change(index, behind - 1, '');
    }
    if (token === 'ELSE') change(index, endOf(index + 1, (other) => other === 'END') - 1, '');
    if (token === 'LIMIT') change(index + 1, endOf(index + 1, (other) => other === ')') - 1, '-1');
    if (token === 'BY') {
      const items = itemsOf(index + 1, (other) => /^(?:LIMIT|\))$/.test(other));
      withoutEach(items);
    }
    if (token === 'SET') {
      const items = itemsOf(index + 1, (other) => other === 'WHERE');
      withoutEach(items);
    }
    if (token === 'SELECT' || token === 'RETURNING') {
      for (const [first, last] of itemsOf(index + 1, endsItem)) {
        const name = at(last).split('.').at(-1) ?? '';
        const isColumn = /^[a-z_]/.test(at(last));
        if (at(first) === '1' || at(first) === 'NULL') continue;
        change(first, last, isColumn ? `NULL AS ${name}` : 'NULL');
      }
    }
    if (token === 'NULL' && before !== 'IS' && before !== 'NOT') change(index, index, '1');
    if (token.startsWith("'")) change(index, index, token === "''" ? "'mutant'" : "''");
    if (/^\d+$/.test(token) && before !== 'SELECT') change(index, index, String(Number(token) + 1));
    if (/^:[a-z]/.test(token)) {
      const other = params[(params.indexOf(token) + 1) % params.length];
      if (other) change(index, index, other);
    }
  });
  return [...found.values()].sort((a, b) => a.start - b.start || b.end - a.end);
}

/** The file in which each statement knows its mutants. */
export function switchable(source: string, mutants: readonly (Change & { readonly id: number })[]): string {
  const marked = source.replace(STATEMENT, (call: string, _: string, index: number) => {
    const offset = index + call.indexOf('`') + 1;
    const own = mutants.filter(({ scope }) => scope === offset);
    const patches = own.map(({ id, start, end, to }) => [id, start - offset, end - offset, to]);
    return `__m(statement, ${call.slice('statement('.length, -1)}, ${JSON.stringify(patches)})`;
  });
  return `const __m = (statement, text, patches) => globalThis.__mutantOfStatement(statement, text, patches);${marked}`;
}
