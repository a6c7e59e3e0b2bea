/**
 * From a drizzle query to the text of a statement, before the Worker is built. The Worker carries the text and not the
 * library: at run time drizzle costs 19 KiB gzip and doubles the start-up, and a query built per request costs 1.9 times
 * the CPU of an update. Imported by `*.query.ts` and `npm run sql` alone.
 */
import { getTableColumns, is, Placeholder, type SQL, sql } from 'drizzle-orm';
import { SQLiteAsyncDialect, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { drizzle } from 'drizzle-orm/sqlite-proxy';

/** What queries are written with. There is no database behind it. */
export const orm = drizzle(async () => ({ rows: [] }));

/** Text to read: names without quotes, which no name here needs, and parameters by name instead of `?`. */
class ReadableDialect extends SQLiteAsyncDialect {
  override escapeName(name: string): string {
    return name;
  }
  override escapeParam(_: number, param?: unknown): string {
    if (is(param, Placeholder)) return `:${param.name}`;
    throw new Error(
      `a query holds the value ${JSON.stringify(param)}: use a placeholder or a literal`,
    );
  }
}

const dialect = new ReadableDialect();

/** A query's text, for `npm run sql`. */
export type Query<Params, Row> = {
  readonly text: string;
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/** @throws {Error} if the query holds a value, a comment, or a literal that `statement` would change. */
export function compile<Params, Row>(query: { getSQL(): SQL }): Query<Params, Row> {
  const { sql: text } = dialect.sqlToQuery(query.getSQL());
  if (/--|\/\*/.test(text)) throw new Error(`a query holds a comment: ${text}`);
  const literal = text.match(/'[^']*'/g)?.find((found) => /\s\s|[^\S ]|:[a-z_]/.test(found));
  if (literal !== undefined)
    throw new Error(`a query holds the literal ${literal}, which would be changed`);
  return { text };
}

export const literal = (value: string | number) =>
  sql.raw(typeof value === 'number' ? `${value}` : `'${value}'`);

/** All conditions. Not drizzle's `and()`, which drops a condition that is undefined, and with it an account. */
export const all = (...conditions: SQL[]): SQL => sql`(${sql.join(conditions, sql` AND `)})`;

/** What an INSERT selects, in the order of the table's columns. One that is not in `values` gets the parameter of its name. */
export const valuesOf = <T extends SQLiteTable>(
  table: T,
  values: { readonly [column in keyof T['$inferSelect'] & string]?: SQL },
): SQL => {
  const named: Readonly<Record<string, SQL | undefined>> = values;
  return sql.join(
    Object.keys(getTableColumns(table)).map(
      (column) => named[column] ?? sql`${sql.placeholder(column)}`,
    ),
    sql`, `,
  );
};

/**
 * One row if the statement before in the same batch has changed none, else nothing, so that what is joined to it is not
 * read; or one row if it is asked alone (connection.ts). `changes()` does not count what triggers wrote (SQLite: changes).
 */
export const ifNothingChanged = sql`(
  SELECT 1 WHERE changes() = 0 OR ${sql.placeholder('alone')}
)`;
