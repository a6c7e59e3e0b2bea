/** What the Worker expects of a database; test/node/migrations.test.ts holds the name to the files. */
import { statement } from './statement.ts';

/** The newest of drizzle/, by the name under which wrangler notes it as applied. */
export const NEWEST_MIGRATION = '0001_create_triggers.sql';

/** Reads one row, by its unique name. */
export const countNewestMigration = statement<object, { applied: number }>(
  `SELECT count(*) AS applied FROM d1_migrations WHERE name = '${NEWEST_MIGRATION}'`,
);
