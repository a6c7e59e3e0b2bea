/**
 * SQL that the writes of all resources share. write.ts makes the values for the parameters of
 * `UPDATE`.
 */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { AccountId } from '../principal.ts';
import { coalesce, type Expression, type In, literal, param, type Truth } from './query.ts';

/**
 * Declares the parameter `alone`, which every explanation has. An explanation is a statement that
 * returns why a write stored nothing. `alone` is 0 if the explanation follows the write in one
 * transaction, and 1 if the explanation runs without the write (connection.ts).
 */
export const ALONE = { alone: param<0 | 1>() };

/** The parameters of every update. */
export const UPDATE = {
  account: param<AccountId>(),
  /** The author of the change: the subject of the verified token, or the author of the link. */
  subject: param<string>(),
  /** The time when the request began. All attempts of a request have the same `now`. */
  now: param<string>(),
  write_id: param<string>(),
  /**
   * If this is 1, and the row already has the content of the request, and the same author made the
   * row's last update, the database changes nothing. The request may then be the caller's retry of
   * an earlier request.
   */
  is_repeatable: param<0 | 1>(),
  /** The immutable fields in the request body, as a JSON object. */
  immutable: param<string>(),
  /**
   * The versions from `If-Match`, as a JSON array. The update changes the row only if the array
   * contains the row's version. If this is null, the update may change any version.
   */
  versions: param<string | null>(),
};

/**
 * Returns SQL that saves reads: an explanation reads rows only if the write stored nothing, or if
 * the explanation runs without the write. The SQL is a table with one row or none. The explanation
 * joins the tables that it reads to this table.
 * - If the preceding write changed no row, or if `alone` is 1, the table has one row.
 * - Otherwise the table is empty, so SQLite does not read the joined tables.
 *
 * `changes()` does not count rows that triggers wrote (SQLite: changes).
 */
export const ifNothingChanged = (p: In<typeof ALONE>) =>
  sql`(SELECT 1 WHERE changes() = 0 OR ${p.alone})`;

type Versioned = {
  readonly updated_at: Expression<string>;
  readonly created_at: Expression<string>;
};

/**
 * Returns SQL for the version of a row: the time of its last change, or of its creation.
 * `getVersion` in write.ts returns the version of a row in TypeScript.
 */
export const currentVersion = ({ updated_at, created_at }: Versioned) =>
  coalesce(updated_at, created_at);

/**
 * Returns SQL for the next version: usually the time of the request. The next version is at least a
 * millisecond later than the version that it replaces, even if the clocks of two edge locations
 * differ.
 */
export const nextVersion = (row: Versioned, { now }: Pick<In<typeof UPDATE>, 'now'>) =>
  sql<string>`max(${now}, strftime('%Y-%m-%dT%H:%M:%fZ', ${currentVersion(row)}, '+0.001 seconds'))`;

/** Returns SQL that is true if the row has one of the versions, or if `versions` is null. */
export const hasVersion = (row: Versioned, { versions }: Pick<In<typeof UPDATE>, 'versions'>) =>
  sql<Truth>`(${versions} IS NULL OR ${currentVersion(row)} IN (SELECT value FROM json_each(${versions})))`;

/**
 * Returns SQL that is true if every immutable field in the request body equals the stored value.
 */
export function keepsImmutable(
  row: SQLiteTable,
  fields: object,
  { immutable }: Pick<In<typeof UPDATE>, 'immutable'>,
): SQL<Truth> {
  const columns = Object.entries(getTableColumns(row)).filter(([name]) => name in fields);
  const hasNumber = columns.some(([, { dataType }]) => dataType === 'number');
  // SQLite reads a JSON integer exactly, but a REAL column stores a double. Without the CAST, an
  // integer such as 2^53 + 1 would differ from its own stored value.
  const sent = hasNumber
    ? sql`iif(j.type = 'integer', CAST(j.value AS REAL), j.value)`
    : sql`j.value`;
  const cases = columns.map(([name, column]) => sql`WHEN ${literal(name)} THEN ${column}`);
  return sql<Truth>`NOT EXISTS (
    SELECT 1 FROM json_each(${immutable}) AS j
    WHERE ${sent} IS NOT CASE j.key ${sql.join(cases, sql` `)} END
  )`;
}
