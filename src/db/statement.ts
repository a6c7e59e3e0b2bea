/**
 * A drizzle query turned into text once, so that a request only binds it. Building a query anew for each request
 * costs about as much CPU as all else in the request together.
 */
import { fillPlaceholders, type Query } from 'drizzle-orm';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';

/** What queries are written with. It never runs one: db/connection.ts does. */
export type Orm = DrizzleD1Database;
export const createOrm = (db: D1Database): Orm => drizzle(db);

/** A statement compiled to text; `Row` is what it returns. */
export type Statement<Values, Row> = {
  readonly bind: (db: Pick<D1Database, 'prepare'>, values: Values) => D1PreparedStatement;
  readonly returns?: Row;
};

/** Binding throws where a value is missing: a placeholder can never become NULL by mistake. */
export function compile<Values extends Record<string, unknown>, Row>(query: {
  toSQL(): Query;
}): Statement<Values, Row> {
  const { sql, params } = query.toSQL();
  return { bind: (db, values) => db.prepare(sql).bind(...fillPlaceholders(params, values)) };
}
