/**
 * From a drizzle query to a statement, before the Worker is built: what runs carries the text and not the library,
 * whose queries, built anew for each request, cost about as much CPU as all else in the request together, and built once
 * per isolate still a third of the bundle.
 */
import { is, Placeholder, type Query } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import type { Statement } from './statement.ts';

/** What queries are written with. It has no database to run one on. */
export const orm = drizzle(async () => ({ rows: [] }));

/**
 * The text goes over the network with each request: without the quotes, which no name here needs, and without line
 * breaks.
 * @throws {Error} where that would change what the text means.
 */
function shortened(sql: string): string {
  const shorten = (text: string) =>
    text.replaceAll('"', '').replaceAll(/\s+/g, ' ').replaceAll('( ', '(').replaceAll(' )', ')');
  const changed = sql.match(/'[^']*'/g)?.find((literal) => shorten(literal) !== literal);
  if (changed !== undefined) throw new Error(`a query holds the literal ${changed}, which cannot be shortened`);
  if (/--|\/\*/.test(sql)) throw new Error(`a query holds a comment: ${sql}`);
  return shorten(sql);
}

/** @throws {Error} where a query holds a value of its own: each one has to be named. */
export function compile<Values, Row>(query: { toSQL(): Query }): Statement<Values, Row> {
  const { sql, params } = query.toSQL();
  const names = params.map((param) => {
    if (is(param, Placeholder)) return param.name;
    throw new Error(`a query holds the value ${JSON.stringify(param)}: use a placeholder or a literal`);
  });
  const parameters = [...new Set(names)];
  // Each name is bound once, however often the statement asks for it: D1 sends what is bound over a network.
  const [first = '', ...rest] = shortened(sql).split('?');
  if (rest.length !== names.length) throw new Error(`a query holds a question mark that is no parameter: ${sql}`);
  const numbered = rest.map((text, index) => `?${parameters.indexOf(names[index] ?? '') + 1}${text}`);
  return { sql: first + numbered.join(''), parameters };
}
