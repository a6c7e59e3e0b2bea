// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/db/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as migrationQueries from './migration.query.ts';

export const countNewestMigration: StatementOf<typeof migrationQueries.countNewestMigration> = statement(`
	SELECT count(*) AS applied
	FROM d1_migrations
	WHERE d1_migrations.name = '0001_create_triggers.sql'
`);
