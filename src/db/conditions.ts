/**
 * Conditions and values that the updates of all resources share, as SQL. Their parameters are `versions`, a JSON array or
 * null, `immutable`, a JSON object, and `now`.
 */
import { getTableColumns, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { literal } from './compile.ts';

type Versioned = { readonly updated_at: SQLWrapper; readonly created_at: SQLWrapper };

/** The state of a row: grows with each stored change and with nothing else. */
const versionOf = ({ updated_at, created_at }: Versioned) => sql<string>`coalesce(${updated_at}, ${created_at})`;

/** Strictly later than the version that it replaces, whatever the clocks of two edges say. */
export const nextVersion = (table: Versioned) =>
  sql`max(${sql.placeholder('now')}, strftime('%Y-%m-%dT%H:%M:%fZ', ${versionOf(table)}, '+0.001 seconds'))`;

const versions = sql.placeholder('versions');

export const preconditionHolds = (table: Versioned) =>
  sql<0 | 1>`(${versions} IS NULL OR ${versionOf(table)} IN (SELECT value FROM json_each(${versions})))`;

/** The first of the immutable fields that was sent with another value than is stored. */
export function changedField(table: SQLiteTable, immutable: object): SQL<string | null> {
  const columns = Object.entries(getTableColumns(table)).filter(([name]) => name in immutable);
  const cases = columns.map(([name, column]) => sql`WHEN ${literal(name)} THEN ${column}`);
  return sql`(
    SELECT json_each.key FROM json_each(${sql.placeholder('immutable')})
    WHERE json_each.value IS NOT CASE json_each.key ${sql.join(cases, sql` `)} END
  )`;
}
