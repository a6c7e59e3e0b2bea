/** The SQL with which `/health` checks that the database has the newest migration of the Worker. */
import { count } from 'drizzle-orm';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { NEWEST_MIGRATION } from './migrations.generated.ts';
import { literal, query, same, select } from './query.ts';

/**
 * The table in which wrangler records the applied migrations. Wrangler creates the table, so
 * schema.ts does not contain it.
 */
const migrations = sqliteTable('d1_migrations', { name: text().notNull() });

/** Returns `applied`: 1 if the newest migration is applied, otherwise 0. */
export const countNewestMigration = query({}, () =>
  select({ applied: count().as('applied') })
    .from(migrations)
    .where(same(migrations.name, literal(NEWEST_MIGRATION))),
);
