/** SQL that the writes of all resources share. write.ts makes the values of the parameters. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { AccountId } from '../principal.ts';
import { coalesce, type Expression, type In, literal, param, type Truth } from './query.ts';

/**
 * The parameter of each statement that explains a refused write. `alone` is 1 if the statement runs
 * without the write (connection.ts).
 */
export const ALONE = { alone: param<0 | 1>() };

/** The parameters of every update. */
export const UPDATE = {
  account: param<AccountId>(),
  /** The author of the change, from the verified token. */
  subject: param<string>(),
  /** The time of the request, the same in each attempt. */
  now: param<string>(),
  write_id: param<string>(),
  /** Is 1 if the same content by the same author counts as a retry. */
  is_repeatable: param<0 | 1>(),
  /** The immutable fields that the caller sent, as a JSON object. */
  immutable: param<string>(),
  /**
   * The versions, one of which must be stored, as a JSON array; null if every version is accepted.
   */
  versions: param<string | null>(),
};

/**
 * Returns SQL with one row if the previous statement of the batch changed no row. Otherwise the SQL
 * has no row, so SQLite does not read the tables that are joined to it. `changes()` does not count
 * what triggers wrote (SQLite: changes).
 */
export const ifNothingChanged = (p: In<typeof ALONE>) =>
  sql`(SELECT 1 WHERE changes() = 0 OR ${p.alone})`;

type Versioned = {
  readonly updated_at: Expression<string>;
  readonly created_at: Expression<string>;
};

/** Returns the SQL of a row's version, as getVersion in write.ts. */
export const currentVersion = ({ updated_at, created_at }: Versioned) =>
  coalesce(updated_at, created_at);

/**
 * Returns the SQL of the next version: the time of the request. If the clocks of two edges differ,
 * the next version is at least a millisecond later than the version that it replaces.
 */
export const nextVersion = (row: Versioned, { now }: Pick<In<typeof UPDATE>, 'now'>) =>
  sql<string>`max(${now}, strftime('%Y-%m-%dT%H:%M:%fZ', ${currentVersion(row)}, '+0.001 seconds'))`;

/** Returns SQL that is true if the row has one of the versions, or if `versions` is null. */
export const hasVersion = (row: Versioned, { versions }: Pick<In<typeof UPDATE>, 'versions'>) =>
  sql<Truth>`(${versions} IS NULL OR ${currentVersion(row)} IN (SELECT value FROM json_each(${versions})))`;

/**
 * Returns SQL that is true if every immutable field that the caller sent equals the stored value.
 * The SQL compares a JSON integer as a double, as its column stores it. Otherwise an integer beyond
 * 2^53, which SQLite reads exactly, would differ from the stored double.
 */
export function keepsImmutable(
  row: SQLiteTable,
  fields: object,
  { immutable }: Pick<In<typeof UPDATE>, 'immutable'>,
): SQL<Truth> {
  const columns = Object.entries(getTableColumns(row)).filter(([name]) => name in fields);
  const hasNumber = columns.some(([, { dataType }]) => dataType === 'number');
  const sent = hasNumber
    ? sql`iif(j.type = 'integer', CAST(j.value AS REAL), j.value)`
    : sql`j.value`;
  const cases = columns.map(([name, column]) => sql`WHEN ${literal(name)} THEN ${column}`);
  return sql<Truth>`NOT EXISTS (
    SELECT 1 FROM json_each(${immutable}) AS j
    WHERE ${sent} IS NOT CASE j.key ${sql.join(cases, sql` `)} END
  )`;
}
