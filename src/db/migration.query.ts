/** The SQL with which `/health` checks that the database has the newest migration of the Worker. */
import { count } from 'drizzle-orm';
import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { NEWEST_MIGRATION } from './migrations.generated.ts';
import { literal, query, same, select } from './query.ts';

/** Wrangler creates this table, so schema.ts does not contain it. */
const migrations = sqliteTable('d1_migrations', { name: text().notNull() });

export const countNewestMigration = query({}, () =>
  select({ applied: count().as('applied') })
    .from(migrations)
    .where(same(migrations.name, literal(NEWEST_MIGRATION))),
);
