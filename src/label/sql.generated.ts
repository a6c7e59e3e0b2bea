// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/label/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as create from './create.query.ts';
import type * as read from './read.query.ts';
import type * as update from './update.query.ts';

export const createEvaluationLabel: StatementOf<typeof create.createEvaluationLabel> = statement(`
	INSERT INTO evaluation_label (
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at, create_digest, write_id
	)
	SELECT
		:id, :account, :name, :description, :value_type, :min_value, :max_value, :categories, NULL,
		:subject, :now, NULL, NULL, :create_digest, :write_id
	WHERE NOT EXISTS (
		SELECT 1
		FROM evaluation_label
		WHERE (
			evaluation_label.account_id = coalesce(
				(
					SELECT own.account_id FROM evaluation_label AS own WHERE own.account_id = :account AND own.id = :id
				),
				'shared'
			)
			AND evaluation_label.id = :id
		)
	)
	RETURNING
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
`);

export const explainCreateEvaluationLabel: StatementOf<typeof create.explainCreateEvaluationLabel> = statement(`
	SELECT
		evaluation_label.id, evaluation_label.account_id, evaluation_label.name,
		evaluation_label.description, evaluation_label.value_type, evaluation_label.min_value,
		evaluation_label.max_value, evaluation_label.categories, evaluation_label.archived_at,
		evaluation_label.created_by, evaluation_label.created_at, evaluation_label.updated_by,
		evaluation_label.updated_at,
		(
			evaluation_label.account_id = :account
			AND evaluation_label.create_digest IS :create_digest
		) AS is_same,
		evaluation_label.write_id IS :write_id AS is_own_write
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN evaluation_label ON (
			evaluation_label.account_id = coalesce(
				(
					SELECT own.account_id FROM evaluation_label AS own WHERE own.account_id = :account AND own.id = :id
				),
				'shared'
			)
			AND evaluation_label.id = :id
		)
`);

export const getEvaluationLabel: StatementOf<typeof read.getEvaluationLabel> = statement(`
	SELECT
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
	FROM evaluation_label
	WHERE (
		evaluation_label.account_id = coalesce(
			(
				SELECT own.account_id FROM evaluation_label AS own WHERE own.account_id = :account AND own.id = :id
			),
			'shared'
		)
		AND evaluation_label.id = :id
	)
`);

export const listEvaluationLabels: StatementOf<typeof read.listEvaluationLabels> = statement(`
	SELECT
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
	FROM evaluation_label
	WHERE (
		evaluation_label.account_id = :account
		AND (evaluation_label.created_at, evaluation_label.id) > (:after_created_at, :after_id)
	)
	UNION ALL
	SELECT
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
	FROM evaluation_label
	WHERE (
		evaluation_label.account_id = 'shared'
		AND NOT EXISTS (
			SELECT 1
			FROM evaluation_label AS own
			WHERE own.account_id = :account AND own.id = evaluation_label.id
		)
		AND (evaluation_label.created_at, evaluation_label.id) > (:after_created_at, :after_id)
	)
	ORDER BY created_at ASC, id ASC
	LIMIT :limit
`);

export const explainUpdateEvaluationLabel: StatementOf<typeof update.explainUpdateEvaluationLabel> = statement(`
	SELECT
		evaluation_label.id, evaluation_label.account_id, evaluation_label.name,
		evaluation_label.description, evaluation_label.value_type, evaluation_label.min_value,
		evaluation_label.max_value, evaluation_label.categories, evaluation_label.archived_at,
		evaluation_label.created_by, evaluation_label.created_at, evaluation_label.updated_by,
		evaluation_label.updated_at,
		(
			evaluation_label.write_id = :write_id
			OR (
				:is_repeatable
				AND (
					evaluation_label.name = coalesce(:name, evaluation_label.name)
					AND (NOT :has_description OR evaluation_label.description IS :description)
					AND (evaluation_label.archived_at IS NOT NULL) = coalesce(:archived, evaluation_label.archived_at IS NOT NULL)
				)
				AND evaluation_label.updated_by IS :subject
			)
		) AS is_stored,
		(
			evaluation_label.name = coalesce(:name, evaluation_label.name)
			AND (NOT :has_description OR evaluation_label.description IS :description)
			AND (evaluation_label.archived_at IS NOT NULL) = coalesce(:archived, evaluation_label.archived_at IS NOT NULL)
		) AS is_as_asked,
		(
			:versions IS NULL
			OR coalesce(evaluation_label.updated_at, evaluation_label.created_at) IN (
				SELECT value FROM json_each(:versions)
			)
		) AS precondition_holds,
		(
			SELECT json_each.key
			FROM json_each(:immutable)
			WHERE json_each.value IS NOT CASE json_each.key
				WHEN 'id' THEN evaluation_label.id
				WHEN 'account_id' THEN evaluation_label.account_id
				WHEN 'value_type' THEN evaluation_label.value_type
				WHEN 'min_value' THEN evaluation_label.min_value
				WHEN 'max_value' THEN evaluation_label.max_value
				WHEN 'categories' THEN evaluation_label.categories
				WHEN 'archived_at' THEN evaluation_label.archived_at
				WHEN 'created_by' THEN evaluation_label.created_by
				WHEN 'created_at' THEN evaluation_label.created_at
			END
		) AS changed_field
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN evaluation_label ON (evaluation_label.account_id = :account AND evaluation_label.id = :id)
`);

export const updateEvaluationLabel: StatementOf<typeof update.updateEvaluationLabel> = statement(`
	UPDATE evaluation_label
	SET
		name = coalesce(:name, evaluation_label.name),
		description = iif(:has_description, :description, evaluation_label.description),
		archived_at = CASE :archived
			WHEN 1 THEN coalesce(
				evaluation_label.archived_at,
				max(
					:now,
					strftime(
						'%Y-%m-%dT%H:%M:%fZ', coalesce(evaluation_label.updated_at, evaluation_label.created_at),
						'+0.001 seconds'
					)
				)
			)
			WHEN 0 THEN NULL
			ELSE evaluation_label.archived_at
		END,
		updated_by = :subject,
		updated_at = max(
			:now,
			strftime(
				'%Y-%m-%dT%H:%M:%fZ', coalesce(evaluation_label.updated_at, evaluation_label.created_at),
				'+0.001 seconds'
			)
		),
		write_id = :write_id
	WHERE (
		(evaluation_label.account_id = :account AND evaluation_label.id = :id)
		AND NOT (
			evaluation_label.write_id = :write_id
			OR (
				:is_repeatable
				AND (
					evaluation_label.name = coalesce(:name, evaluation_label.name)
					AND (NOT :has_description OR evaluation_label.description IS :description)
					AND (evaluation_label.archived_at IS NOT NULL) = coalesce(:archived, evaluation_label.archived_at IS NOT NULL)
				)
				AND evaluation_label.updated_by IS :subject
			)
		)
		AND (
			:versions IS NULL
			OR coalesce(evaluation_label.updated_at, evaluation_label.created_at) IN (
				SELECT value FROM json_each(:versions)
			)
		)
		AND (
			SELECT json_each.key
			FROM json_each(:immutable)
			WHERE json_each.value IS NOT CASE json_each.key
				WHEN 'id' THEN evaluation_label.id
				WHEN 'account_id' THEN evaluation_label.account_id
				WHEN 'value_type' THEN evaluation_label.value_type
				WHEN 'min_value' THEN evaluation_label.min_value
				WHEN 'max_value' THEN evaluation_label.max_value
				WHEN 'categories' THEN evaluation_label.categories
				WHEN 'archived_at' THEN evaluation_label.archived_at
				WHEN 'created_by' THEN evaluation_label.created_by
				WHEN 'created_at' THEN evaluation_label.created_at
			END
		) IS NULL
	)
	RETURNING
		id, account_id, name, description, value_type, min_value, max_value, categories, archived_at,
		created_by, created_at, updated_by, updated_at
`);
