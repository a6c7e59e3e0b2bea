/** Conditions and values that the updates of all resources share, as SQL, and their parameters, which update.ts makes. */
import { getTableColumns, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { AccountId } from '../principal.ts';
import { literal } from './compile.ts';
import type { WriteName } from './write-id.ts';

export type CommonUpdateParams = WriteName & {
  readonly account: AccountId;
  /** The author of the change, from the verified token. */
  readonly subject: string;
  /** The time of the request, the same in each attempt. */
  readonly now: string;
  /** Whether the same content by the same author is taken for a repetition. */
  readonly is_repeatable: 0 | 1;
  /** The immutable fields that were sent, a JSON object. */
  readonly immutable: string;
  /** The versions of which one must be stored, a JSON array; null if any will do. */
  readonly versions: string | null;
};

type Versioned = { readonly updated_at: SQLWrapper; readonly created_at: SQLWrapper };

/** The state of a row: grows with each stored change and with nothing else. */
const versionOf = ({ updated_at, created_at }: Versioned) =>
  sql<string>`coalesce(${updated_at}, ${created_at})`;

/** Strictly later than the version that it replaces, whatever the clocks of two edges say. */
export const nextVersion = (table: Versioned) =>
  sql`max(${sql.placeholder('now')}, strftime('%Y-%m-%dT%H:%M:%fZ', ${versionOf(table)}, '+0.001 seconds'))`;

const versions = sql.placeholder('versions');

export const preconditionHolds = (table: Versioned) =>
  sql<
    0 | 1
  >`(${versions} IS NULL OR ${versionOf(table)} IN (SELECT value FROM json_each(${versions})))`;

/** The first of the immutable fields that was sent with another value than is stored. */
export function changedField(table: SQLiteTable, immutable: object): SQL<string | null> {
  const columns = Object.entries(getTableColumns(table)).filter(([name]) => name in immutable);
  const cases = columns.map(([name, column]) => sql`WHEN ${literal(name)} THEN ${column}`);
  return sql`(
    SELECT json_each.key FROM json_each(${sql.placeholder('immutable')})
    WHERE json_each.value IS NOT CASE json_each.key ${sql.join(cases, sql` `)} END
  )`;
}
