/** SQL that the writes of all resources share. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { AccountId } from '../principal.ts';
import { coalesce, type Expression, type In, literal, param, type Truth } from './query.ts';

/**
 * `alone` is 0 if the explanation follows the write in one transaction. `alone` is 1 if the
 * explanation runs without the write.
 */
export const ALONE = { alone: param<0 | 1>() };

/** The parameters of every update. */
export const UPDATE = {
  account: param<AccountId>(),
  /** The subject of the token, or the author of the link. */
  subject: param<string>(),
  /** The time when the request began. All attempts of a request have the same `now`. */
  now: param<string>(),
  write_id: param<string>(),
  /**
   * 1 means that an update with the author and the content of the row's last update changes
   * nothing.
   */
  is_repeatable: param<0 | 1>(),
  /** The immutable fields in the request body, as a JSON object. */
  immutable: param<string>(),
  /** The versions from `If-Match`, as a JSON array; null allows any version. */
  versions: param<string | null>(),
};

/**
 * Returns SQL for a table that is empty if the write changed a row. Then an explanation reads
 * nothing. `changes()` does not count rows that triggers wrote (SQLite: changes).
 */
export const ifNothingChanged = (p: In<typeof ALONE>) =>
  sql`(SELECT 1 WHERE changes() = 0 OR ${p.alone})`;

type Versioned = {
  readonly updated_at: Expression<string>;
  readonly created_at: Expression<string>;
};

/** Returns SQL for the version of a row: the time of its last change, or of its creation. */
export const currentVersion = ({ updated_at, created_at }: Versioned) =>
  coalesce(updated_at, created_at);

/** Returns SQL for the next version, which is later than the old version even if clocks differ. */
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
  // Without the CAST, an integer such as 2^53 + 1 would differ from its own stored value, a double.
  const sent = hasNumber
    ? sql`iif(j.type = 'integer', CAST(j.value AS REAL), j.value)`
    : sql`j.value`;
  const cases = columns.map(([name, column]) => sql`WHEN ${literal(name)} THEN ${column}`);
  return sql<Truth>`NOT EXISTS (
    SELECT 1 FROM json_each(${immutable}) AS j
    WHERE ${sent} IS NOT CASE j.key ${sql.join(cases, sql` `)} END
  )`;
}
