// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/evaluation/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as create from './create.query.ts';
import type * as read from './read.query.ts';
import type * as update from './update.query.ts';

export const createEvaluation: StatementOf<typeof create.createEvaluation> = statement(`
	INSERT INTO run_evaluation (
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at, write_id
	)
	SELECT
		:id, :account, :run_id, :output_name, :field_path, :evaluation_label_id, :value, :created_by,
		:created_by_evaluator_id, :now, NULL, NULL, :write_id
	WHERE (
		coalesce(
			(
				SELECT (
					(
						CASE evaluation_label.value_type
							WHEN 'binary' THEN :value IN (0, 1)
							WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
							AND :value <= coalesce(evaluation_label.max_value, :value)
							ELSE :value >= 0
							AND :value < json_array_length(evaluation_label.categories)
							AND :value = cast(:value AS INTEGER)
						END
					)
					AND evaluation_label.archived_at IS NULL
				) IS TRUE
				FROM evaluation_label
				WHERE evaluation_label.account_id = :account AND evaluation_label.id = :evaluation_label_id
			),
			(
				SELECT (
					(
						CASE evaluation_label.value_type
							WHEN 'binary' THEN :value IN (0, 1)
							WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
							AND :value <= coalesce(evaluation_label.max_value, :value)
							ELSE :value >= 0
							AND :value < json_array_length(evaluation_label.categories)
							AND :value = cast(:value AS INTEGER)
						END
					)
					AND evaluation_label.archived_at IS NULL
				) IS TRUE
				FROM evaluation_label
				WHERE evaluation_label.account_id = 'shared' AND evaluation_label.id = :evaluation_label_id
			),
			0
		)
		AND NOT EXISTS (
			SELECT 1
			FROM run_evaluation
			WHERE (run_evaluation.account_id = :account AND run_evaluation.id = :id)
		)
	)
	RETURNING
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
`);

export const explainCreateEvaluation: StatementOf<typeof create.explainCreateEvaluation> = statement(`
	SELECT
		run_evaluation.id, run_evaluation.account_id, run_evaluation.run_id, run_evaluation.output_name,
		run_evaluation.field_path, run_evaluation.evaluation_label_id, run_evaluation.value,
		run_evaluation.created_by, run_evaluation.created_by_evaluator_id, run_evaluation.created_at,
		run_evaluation.updated_by, run_evaluation.updated_at,
		(
			run_evaluation.run_id = :run_id
			AND run_evaluation.evaluation_label_id = :evaluation_label_id
			AND run_evaluation.output_name IS :output_name
			AND run_evaluation.field_path IS :field_path
			AND coalesce(oldest.value, run_evaluation.value) = :value
		) IS TRUE AS is_same,
		coalesce(oldest.write_id, run_evaluation.write_id) IS :write_id AS is_own_write,
		evaluation_label.id IS NOT NULL AS has_label, evaluation_label.archived_at,
		evaluation_label.value_type, evaluation_label.min_value, evaluation_label.max_value,
		evaluation_label.categories
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN evaluation_label ON (
			evaluation_label.account_id = coalesce(
				(
					SELECT own.account_id
					FROM evaluation_label AS own
					WHERE own.account_id = :account AND own.id = :evaluation_label_id
				),
				'shared'
			)
			AND evaluation_label.id = :evaluation_label_id
		)
		LEFT JOIN run_evaluation ON (run_evaluation.account_id = :account AND run_evaluation.id = :id)
		LEFT JOIN run_evaluation_history oldest ON (
			oldest.account_id = run_evaluation.account_id
			AND oldest.evaluation_id = run_evaluation.id
			AND oldest.replaced_at = (
				SELECT min(run_evaluation_history.replaced_at)
				FROM run_evaluation_history
				WHERE
					run_evaluation_history.account_id = run_evaluation.account_id
					AND run_evaluation_history.evaluation_id = run_evaluation.id
			)
		)
`);

export const getEvaluation: StatementOf<typeof read.getEvaluation> = statement(`
	SELECT
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
	FROM run_evaluation
	WHERE (
		run_evaluation.account_id = :account
		AND run_evaluation.id = :id
		AND run_evaluation.run_id = :run_id
	)
`);

export const listEvaluations: StatementOf<typeof read.listEvaluations> = statement(`
	SELECT
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
	FROM run_evaluation
	WHERE (
		run_evaluation.account_id = :account
		AND run_evaluation.run_id = :run_id
		AND run_evaluation.evaluation_label_id = coalesce(:evaluation_label_id, run_evaluation.evaluation_label_id)
		AND (run_evaluation.created_at, run_evaluation.id) > (:after_created_at, :after_id)
	)
	ORDER BY run_evaluation.created_at ASC, run_evaluation.id ASC
	LIMIT :limit
`);

export const listReplacedValues: StatementOf<typeof read.listReplacedValues> = statement(`
	SELECT
		run_evaluation_history.evaluation_id, run_evaluation_history.value,
		run_evaluation_history.updated_by, run_evaluation_history.updated_at,
		run_evaluation_history.replaced_by, run_evaluation_history.replaced_at
	FROM
		run_evaluation
		LEFT JOIN run_evaluation_history ON (
			run_evaluation_history.account_id = run_evaluation.account_id
			AND run_evaluation_history.evaluation_id = run_evaluation.id
			AND run_evaluation_history.replaced_at < :before
		)
	WHERE (
		run_evaluation.account_id = :account
		AND run_evaluation.id = :id
		AND run_evaluation.run_id = :run_id
	)
	ORDER BY run_evaluation_history.replaced_at DESC
	LIMIT :limit
`);

export const explainUpdateEvaluation: StatementOf<typeof update.explainUpdateEvaluation> = statement(`
	SELECT
		run_evaluation.id, run_evaluation.account_id, run_evaluation.run_id, run_evaluation.output_name,
		run_evaluation.field_path, run_evaluation.evaluation_label_id, run_evaluation.value,
		run_evaluation.created_by, run_evaluation.created_by_evaluator_id, run_evaluation.created_at,
		run_evaluation.updated_by, run_evaluation.updated_at,
		(
			run_evaluation.write_id = :write_id
			OR (
				:is_repeatable
				AND run_evaluation.value = :value
				AND run_evaluation.updated_by IS :subject
				AND run_evaluation.updated_at IS NOT NULL
			)
		) AS is_in_row,
		replaced.value AS replaced_value, replaced.updated_at AS replaced_updated_at,
		(
			:versions IS NULL
			OR coalesce(run_evaluation.updated_at, run_evaluation.created_at) IN (
				SELECT value FROM json_each(:versions)
			)
		) AS precondition_holds,
		(
			SELECT json_each.key
			FROM json_each(:immutable)
			WHERE json_each.value IS NOT CASE json_each.key
				WHEN 'id' THEN run_evaluation.id
				WHEN 'account_id' THEN run_evaluation.account_id
				WHEN 'run_id' THEN run_evaluation.run_id
				WHEN 'output_name' THEN run_evaluation.output_name
				WHEN 'field_path' THEN run_evaluation.field_path
				WHEN 'evaluation_label_id' THEN run_evaluation.evaluation_label_id
				WHEN 'created_by' THEN run_evaluation.created_by
				WHEN 'created_by_evaluator_id' THEN run_evaluation.created_by_evaluator_id
				WHEN 'created_at' THEN run_evaluation.created_at
			END
		) AS changed_field,
		evaluation_label.value_type, evaluation_label.min_value, evaluation_label.max_value,
		evaluation_label.categories
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN run_evaluation ON (
			(
				run_evaluation.account_id = :account
				AND run_evaluation.id = :id
				AND run_evaluation.run_id = :run_id
			)
			AND (
				:link_id IS NULL
				OR NOT EXISTS (
					SELECT 1
					FROM revoked_link
					WHERE (
						revoked_link.account_id = :account
						AND revoked_link.expires_at = :link_expires_at
						AND revoked_link.evaluation_id = :id
						AND revoked_link.id = :link_id
					)
				)
			)
		)
		LEFT JOIN run_evaluation_history replaced ON (
			replaced.account_id = run_evaluation.account_id
			AND replaced.evaluation_id = run_evaluation.id
			AND replaced.replaced_at > :since
			AND replaced.write_id = :write_id
		)
		LEFT JOIN evaluation_label ON (
			evaluation_label.account_id = coalesce(
				(
					SELECT own.account_id
					FROM evaluation_label AS own
					WHERE own.account_id = run_evaluation.account_id AND own.id = run_evaluation.evaluation_label_id
				),
				'shared'
			)
			AND evaluation_label.id = run_evaluation.evaluation_label_id
		)
`);

export const updateEvaluation: StatementOf<typeof update.updateEvaluation> = statement(`
	UPDATE run_evaluation
	SET
		value = :value, updated_by = :subject,
		updated_at = max(
			:now,
			strftime(
				'%Y-%m-%dT%H:%M:%fZ', coalesce(run_evaluation.updated_at, run_evaluation.created_at),
				'+0.001 seconds'
			)
		),
		write_id = :write_id
	WHERE (
		(
			(
				run_evaluation.account_id = :account
				AND run_evaluation.id = :id
				AND run_evaluation.run_id = :run_id
			)
			AND (
				:link_id IS NULL
				OR NOT EXISTS (
					SELECT 1
					FROM revoked_link
					WHERE (
						revoked_link.account_id = :account
						AND revoked_link.expires_at = :link_expires_at
						AND revoked_link.evaluation_id = :id
						AND revoked_link.id = :link_id
					)
				)
			)
		)
		AND NOT (
			run_evaluation.write_id = :write_id
			OR (
				:is_repeatable
				AND run_evaluation.value = :value
				AND run_evaluation.updated_by IS :subject
				AND run_evaluation.updated_at IS NOT NULL
			)
		)
		AND NOT EXISTS (
			SELECT 1
			FROM run_evaluation_history AS replaced
			WHERE (
				replaced.account_id = run_evaluation.account_id
				AND replaced.evaluation_id = run_evaluation.id
				AND replaced.replaced_at > :since
				AND replaced.write_id = :write_id
			)
		)
		AND (
			:versions IS NULL
			OR coalesce(run_evaluation.updated_at, run_evaluation.created_at) IN (
				SELECT value FROM json_each(:versions)
			)
		)
		AND (
			SELECT json_each.key
			FROM json_each(:immutable)
			WHERE json_each.value IS NOT CASE json_each.key
				WHEN 'id' THEN run_evaluation.id
				WHEN 'account_id' THEN run_evaluation.account_id
				WHEN 'run_id' THEN run_evaluation.run_id
				WHEN 'output_name' THEN run_evaluation.output_name
				WHEN 'field_path' THEN run_evaluation.field_path
				WHEN 'evaluation_label_id' THEN run_evaluation.evaluation_label_id
				WHEN 'created_by' THEN run_evaluation.created_by
				WHEN 'created_by_evaluator_id' THEN run_evaluation.created_by_evaluator_id
				WHEN 'created_at' THEN run_evaluation.created_at
			END
		) IS NULL
		AND coalesce(
			(
				SELECT (
					CASE evaluation_label.value_type
						WHEN 'binary' THEN :value IN (0, 1)
						WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
						AND :value <= coalesce(evaluation_label.max_value, :value)
						ELSE :value >= 0
						AND :value < json_array_length(evaluation_label.categories)
						AND :value = cast(:value AS INTEGER)
					END
				) IS TRUE
				FROM evaluation_label
				WHERE
					evaluation_label.account_id = run_evaluation.account_id
					AND evaluation_label.id = run_evaluation.evaluation_label_id
			),
			(
				SELECT (
					CASE evaluation_label.value_type
						WHEN 'binary' THEN :value IN (0, 1)
						WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
						AND :value <= coalesce(evaluation_label.max_value, :value)
						ELSE :value >= 0
						AND :value < json_array_length(evaluation_label.categories)
						AND :value = cast(:value AS INTEGER)
					END
				) IS TRUE
				FROM evaluation_label
				WHERE
					evaluation_label.account_id = 'shared'
					AND evaluation_label.id = run_evaluation.evaluation_label_id
			),
			1
		)
	)
	RETURNING
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
`);
