/** The SQL that checks whether the database has the newest migration that the Worker needs. */
import { count } from 'drizzle-orm';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { NEWEST_MIGRATION } from './migrations.generated.ts';
import { literal, query, same, select } from './query.ts';

/**
 * The table in which wrangler records the applied migrations. schema.ts does not have this table,
 * because wrangler creates it.
 */
const migrations = sqliteTable('d1_migrations', { name: text().notNull() });

/** Returns `applied`: 1 if the newest migration is applied, otherwise 0. The name is unique. */
export const countNewestMigration = query({}, () =>
  select({ applied: count().as('applied') })
    .from(migrations)
    .where(same(migrations.name, literal(NEWEST_MIGRATION))),
);
