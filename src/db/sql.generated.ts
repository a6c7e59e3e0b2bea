// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/db/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as accountObjectQueries from './account-object.query.ts';
import type * as migrationQueries from './migration.query.ts';

export const closeAccount: StatementOf<typeof accountObjectQueries.closeAccount> = statement(`
	INSERT INTO account_object (account_id, place, life, arrived_at)
	SELECT
		:account, :place, :life,
		iif(
			(
				EXISTS (SELECT 1 FROM run_evaluation e WHERE e.account_id = :account)
				OR EXISTS (SELECT 1 FROM deleted_evaluation d WHERE d.account_id = :account)
				OR EXISTS (SELECT 1 FROM evaluation_label l WHERE l.account_id = :account)
				OR EXISTS (SELECT 1 FROM revoked_link k WHERE k.account_id = :account)
			),
			NULL, :arrived_at
		)
	WHERE NOT EXISTS (SELECT 1 FROM account_object a WHERE a.account_id = :account)
	RETURNING account_id
`);

export const findMissingLabel: StatementOf<typeof accountObjectQueries.findMissingLabel> = statement(`
	SELECT coalesce(:evaluation_label_id, e.evaluation_label_id) AS id
	FROM (SELECT 1) LEFT JOIN run_evaluation e ON (e.account_id = :account AND e.id = :id)
	WHERE NOT EXISTS (
		SELECT 1
		FROM evaluation_label l
		WHERE (
			l.account_id IN (:account, 'shared')
			AND l.id = coalesce(:evaluation_label_id, e.evaluation_label_id)
		)
	)
`);

export const noteArrival: StatementOf<typeof accountObjectQueries.noteArrival> = statement(`
	UPDATE account_object AS a
	SET arrived_at = :arrived_at
	WHERE (a.account_id = :account AND a.life = :life AND a.arrived_at IS NULL)
	RETURNING account_id
`);

export const readAccountObject: StatementOf<typeof accountObjectQueries.readAccountObject> = statement(`
	SELECT place, life, arrived_at
	FROM account_object a
	WHERE a.account_id = :account
`);

export const readSharedLabel: StatementOf<typeof accountObjectQueries.readSharedLabel> = statement(`
	SELECT
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at, create_digest, write_id
	FROM evaluation_label l
	WHERE (l.account_id = 'shared' AND l.id = :id)
`);

export const readSharedLabels: StatementOf<typeof accountObjectQueries.readSharedLabels> = statement(`
	SELECT
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at, create_digest, write_id
	FROM evaluation_label l
	WHERE (l.account_id = 'shared' AND l.id > :after)
	ORDER BY l.id ASC
	LIMIT :limit
`);

export const countNewestMigration: StatementOf<typeof migrationQueries.countNewestMigration> = statement(`
	SELECT count(*) AS applied
	FROM d1_migrations
	WHERE d1_migrations.name = '0001_create_triggers.sql'
`);
