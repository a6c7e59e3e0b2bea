// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/label/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as createQueries from './create.query.ts';
import type * as readQueries from './read.query.ts';
import type * as updateQueries from './update.query.ts';

export const createEvaluationLabel: StatementOf<typeof createQueries.createEvaluationLabel> = statement(`
	INSERT INTO evaluation_label (
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at, create_digest, write_id
	)
	SELECT
		:id, :account, :name, :description, :value_type, :min_value, :max_value, :categories, NULL,
		:subject, :now, NULL, NULL, :create_digest, :write_id
	WHERE NOT EXISTS (
		SELECT 1
		FROM evaluation_label l
		WHERE (
			l.account_id = coalesce(
				(SELECT account_id FROM evaluation_label o WHERE (o.account_id = :account AND o.id = :id)), 'shared'
			)
			AND l.id = :id
		)
	)
	RETURNING
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
`);

export const explainCreateEvaluationLabel: StatementOf<typeof createQueries.explainCreateEvaluationLabel> = statement(`
	SELECT
		l.id, l.account_id, l.name, l.description, l.value_type, l.min_value, l.max_value, l.categories,
		l.archived_at, l.created_by, l.created_at, l.updated_by, l.updated_at,
		(l.account_id = :account AND l.create_digest IS :create_digest) AS is_same,
		l.write_id IS :write_id AS is_own_write
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN evaluation_label l ON (
			l.account_id = coalesce(
				(SELECT account_id FROM evaluation_label o WHERE (o.account_id = :account AND o.id = :id)), 'shared'
			)
			AND l.id = :id
		)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const getEvaluationLabel: StatementOf<typeof readQueries.getEvaluationLabel> = statement(`
	SELECT
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
	FROM evaluation_label l
	WHERE (
		l.account_id = coalesce(
			(SELECT account_id FROM evaluation_label o WHERE (o.account_id = :account AND o.id = :id)), 'shared'
		)
		AND l.id = :id
	)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const listEvaluationLabels: StatementOf<typeof readQueries.listEvaluationLabels> = statement(`
	SELECT *
	FROM (
		SELECT
			id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
			created_by, created_at, updated_by, updated_at
		FROM evaluation_label l
		WHERE (l.account_id = :account AND (l.created_at, l.id) > (:after_created_at, :after_id))
		UNION ALL
		SELECT
			id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
			created_by, created_at, updated_by, updated_at
		FROM evaluation_label l
		WHERE (
			l.account_id = 'shared'
			AND NOT EXISTS (SELECT 1 FROM evaluation_label o WHERE (o.account_id = :account AND o.id = l.id))
			AND (l.created_at, l.id) > (:after_created_at, :after_id)
		)
		ORDER BY created_at ASC, id ASC
		LIMIT :limit
	)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const explainUpdateEvaluationLabel: StatementOf<typeof updateQueries.explainUpdateEvaluationLabel> = statement(`
	SELECT
		l.id, l.account_id, l.name, l.description, l.value_type, l.min_value, l.max_value, l.categories,
		l.archived_at, l.created_by, l.created_at, l.updated_by, l.updated_at,
		(
			l.write_id = :write_id
			OR (
				:is_repeatable
				AND l.name = coalesce(:name, l.name)
				AND (NOT :has_description OR l.description IS :description)
				AND (l.archived_at IS NOT NULL) = coalesce(:archived, l.archived_at IS NOT NULL)
				AND l.updated_by IS :subject
			)
		) AS is_stored
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN evaluation_label l ON (l.account_id = :account AND l.id = :id)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const updateEvaluationLabel: StatementOf<typeof updateQueries.updateEvaluationLabel> = statement(`
	UPDATE evaluation_label AS l
	SET
		name = coalesce(:name, l.name), description = iif(:has_description, :description, l.description),
		archived_at = CASE :archived
			WHEN 0 THEN NULL
			WHEN 1 THEN coalesce(
				l.archived_at,
				max(:now, strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(l.updated_at, l.created_at), '+0.001 seconds'))
			)
			ELSE l.archived_at
		END,
		updated_by = :subject,
		updated_at = max(:now, strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(l.updated_at, l.created_at), '+0.001 seconds')),
		write_id = :write_id
	WHERE (
		(l.account_id = :account AND l.id = :id)
		AND NOT (
			l.write_id = :write_id
			OR (
				:is_repeatable
				AND l.name = coalesce(:name, l.name)
				AND (NOT :has_description OR l.description IS :description)
				AND (l.archived_at IS NOT NULL) = coalesce(:archived, l.archived_at IS NOT NULL)
				AND l.updated_by IS :subject
			)
		)
		AND (
			:versions IS NULL
			OR coalesce(l.updated_at, l.created_at) IN (SELECT value FROM json_each(:versions))
		)
		AND NOT EXISTS (
			SELECT 1
			FROM json_each(:immutable) AS j
			WHERE iif(j.type = 'integer', cast(j.value AS REAL), j.value) IS NOT CASE j.key
				WHEN 'id' THEN l.id
				WHEN 'account_id' THEN l.account_id
				WHEN 'value_type' THEN l.value_type
				WHEN 'min_value' THEN l.min_value
				WHEN 'max_value' THEN l.max_value
				WHEN 'categories' THEN l.categories
				WHEN 'archived_at' THEN l.archived_at
				WHEN 'created_by' THEN l.created_by
				WHEN 'created_at' THEN l.created_at
			END
		)
	)
	RETURNING
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
`);
