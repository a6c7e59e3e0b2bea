// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/evaluation/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as createQueries from './create.query.ts';
import type * as deleteQueries from './delete.query.ts';
import type * as readQueries from './read.query.ts';
import type * as updateQueries from './update.query.ts';

export const createEvaluation: StatementOf<typeof createQueries.createEvaluation> = statement(`
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
					CASE l.value_type
						WHEN 'binary' THEN :value IN (0, 1)
						WHEN 'continuous' THEN :value BETWEEN coalesce(l.min_value, :value) AND coalesce(l.max_value, :value)
						ELSE :value >= 0
						AND :value < json_array_length(l.categories)
						AND :value = round(:value)
					END
					AND l.archived_at IS NULL
				) IS TRUE
				FROM evaluation_label l
				WHERE (l.account_id = :account AND l.id = :evaluation_label_id)
			),
			(
				SELECT (
					CASE l.value_type
						WHEN 'binary' THEN :value IN (0, 1)
						WHEN 'continuous' THEN :value BETWEEN coalesce(l.min_value, :value) AND coalesce(l.max_value, :value)
						ELSE :value >= 0
						AND :value < json_array_length(l.categories)
						AND :value = round(:value)
					END
					AND l.archived_at IS NULL
				) IS TRUE
				FROM evaluation_label l
				WHERE (l.account_id = 'shared' AND l.id = :evaluation_label_id)
			),
			0
		)
		AND NOT EXISTS (SELECT 1 FROM run_evaluation e WHERE (e.account_id = :account AND e.id = :id))
		AND NOT EXISTS (
			SELECT 1
			FROM deleted_evaluation d
			WHERE (d.account_id = :account AND d.evaluation_id = :id AND d.deleted_at >= :now)
		)
	)
	RETURNING
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
`);

export const explainCreateEvaluation: StatementOf<typeof createQueries.explainCreateEvaluation> = statement(`
	SELECT
		e.id, e.account_id, e.run_id, e.output_name, e.field_path, e.evaluation_label_id, e.value,
		e.created_by, e.created_by_evaluator_id, e.created_at, e.updated_by, e.updated_at,
		coalesce(f.value, e.value) AS created_value,
		coalesce(f.write_id, e.write_id) IS :write_id AS is_own_write,
		NOT EXISTS (
			SELECT 1
			FROM deleted_evaluation d
			WHERE (d.account_id = :account AND d.evaluation_id = :id AND d.deleted_at >= :now)
		) AS is_not_deleted,
		l.archived_at, l.value_type, l.min_value, l.max_value, l.categories
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN evaluation_label l ON (
			l.account_id = coalesce(
				(
					SELECT account_id
					FROM evaluation_label o
					WHERE (o.account_id = :account AND o.id = :evaluation_label_id)
				),
				'shared'
			)
			AND l.id = :evaluation_label_id
		)
		LEFT JOIN run_evaluation e ON (e.account_id = :account AND e.id = :id)
		LEFT JOIN run_evaluation_history f ON (
			f.account_id = e.account_id
			AND f.evaluation_id = e.id
			AND f.replaced_at = (
				SELECT min(replaced_at)
				FROM run_evaluation_history h
				WHERE (h.account_id = e.account_id AND h.evaluation_id = e.id)
			)
		)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const deleteEvaluation: StatementOf<typeof deleteQueries.deleteEvaluation> = statement(`
	INSERT INTO deleted_evaluation (account_id, evaluation_id, run_id, deleted_at, write_id)
	SELECT
		:account, :id, :run_id,
		max(
			:now,
			iif(
				strftime('%Y-%m-%dT%H:%M:%fZ', 'now') <= strftime('%Y-%m-%dT%H:%M:%fZ', :now, '+1 hour'),
				strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), :now
			),
			coalesce(
				(
					SELECT coalesce(e.updated_at, e.created_at) AS version
					FROM run_evaluation e
					WHERE (
						(e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
						AND coalesce(e.updated_at, e.created_at) <= strftime('%Y-%m-%dT%H:%M:%fZ', :now, '+1 hour')
					)
				),
				:now
			)
		),
		:write_id
	WHERE (
		EXISTS (
			SELECT 1
			FROM run_evaluation e
			WHERE (
				(
					(e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
					AND NOT EXISTS (
						SELECT 1
						FROM deleted_evaluation d
						WHERE (d.account_id = :account AND d.evaluation_id = :id AND d.deleted_at >= :now)
					)
				)
				AND (
					:versions IS NULL
					OR coalesce(e.updated_at, e.created_at) IN (SELECT value FROM json_each(:versions))
				)
			)
		)
		AND NOT EXISTS (
			SELECT 1
			FROM deleted_evaluation d
			WHERE (
				d.account_id = :account
				AND d.evaluation_id = :id
				AND d.run_id = :run_id
				AND d.write_id = :write_id
			)
		)
	)
	RETURNING evaluation_id
`);

export const explainDeleteEvaluation: StatementOf<typeof deleteQueries.explainDeleteEvaluation> = statement(`
	SELECT e.id, e.created_at, e.updated_at, d.deleted_at
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN run_evaluation e ON (
			(e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
			AND NOT EXISTS (
				SELECT 1
				FROM deleted_evaluation d
				WHERE (d.account_id = :account AND d.evaluation_id = :id AND d.deleted_at >= :now)
			)
		)
		LEFT JOIN deleted_evaluation d ON (
			d.account_id = :account
			AND d.evaluation_id = :id
			AND d.run_id = :run_id
			AND d.write_id = :write_id
		)
	UNION ALL
	SELECT 'the account lives in an object' || place, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const getEvaluation: StatementOf<typeof readQueries.getEvaluation> = statement(`
	SELECT
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
	FROM run_evaluation e
	WHERE (e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const listEvaluations: StatementOf<typeof readQueries.listEvaluations> = statement(`
	SELECT *
	FROM (
		SELECT
			id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
			created_by_evaluator_id, created_at, updated_by, updated_at
		FROM run_evaluation e
		WHERE (
			e.account_id = :account
			AND e.run_id = :run_id
			AND (e.created_at, e.id) > (:after_created_at, :after_id)
		)
		ORDER BY e.created_at ASC, e.id ASC
		LIMIT :limit
	)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const listReplacedValues: StatementOf<typeof readQueries.listReplacedValues> = statement(`
	SELECT *
	FROM (
		SELECT h.evaluation_id, h.value, h.updated_by, h.updated_at, h.replaced_by, h.replaced_at
		FROM
			run_evaluation e
			LEFT JOIN run_evaluation_history h ON (
				h.account_id = e.account_id
				AND h.evaluation_id = e.id
				AND h.replaced_at < :before
			)
		WHERE (e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
		ORDER BY h.replaced_at DESC
		LIMIT :limit
	)
	UNION ALL
	SELECT 'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const explainUpdateEvaluation: StatementOf<typeof updateQueries.explainUpdateEvaluation> = statement(`
	SELECT
		e.id, e.account_id, e.run_id, e.output_name, e.field_path, e.evaluation_label_id, e.value,
		e.created_by, e.created_by_evaluator_id, e.created_at, e.updated_by, e.updated_at,
		e.write_id = :write_id AS is_own_write, :is_repeatable AS is_repeatable,
		coalesce(w.value, h.value) AS earlier_value,
		coalesce(w.updated_at, h.updated_at) AS earlier_updated_at, l.value_type, l.min_value, l.max_value,
		l.categories
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN run_evaluation e ON (
			(e.account_id = :account AND e.id = :id AND (e.run_id = :run_id OR :link_id IS NOT NULL))
			AND NOT EXISTS (
				SELECT 1
				FROM revoked_link k
				WHERE (
					k.account_id = :account
					AND k.expires_at = :link_expires_at
					AND k.evaluation_id = :id
					AND k.id = :link_id
				)
			)
			AND NOT EXISTS (
				SELECT 1
				FROM deleted_evaluation d
				WHERE (d.account_id = :account AND d.evaluation_id = :id AND d.deleted_at >= :now)
			)
		)
		LEFT JOIN keyed_write w ON (
			w.account_id = e.account_id
			AND w.evaluation_id = e.id
			AND w.write_id = :write_id
		)
		LEFT JOIN run_evaluation_history h ON (
			h.account_id = e.account_id
			AND h.evaluation_id = e.id
			AND h.replaced_at > :since
			AND h.write_id = :write_id
		)
		LEFT JOIN evaluation_label l ON (
			l.account_id = coalesce(
				(
					SELECT account_id
					FROM evaluation_label o
					WHERE (o.account_id = e.account_id AND o.id = e.evaluation_label_id)
				),
				'shared'
			)
			AND l.id = e.evaluation_label_id
		)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const updateEvaluation: StatementOf<typeof updateQueries.updateEvaluation> = statement(`
	UPDATE run_evaluation AS e
	SET
		value = :value, updated_by = :subject,
		updated_at = max(:now, strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(e.updated_at, e.created_at), '+0.001 seconds')),
		write_id = :write_id
	WHERE (
		(
			(e.account_id = :account AND e.id = :id AND (e.run_id = :run_id OR :link_id IS NOT NULL))
			AND NOT EXISTS (
				SELECT 1
				FROM revoked_link k
				WHERE (
					k.account_id = :account
					AND k.expires_at = :link_expires_at
					AND k.evaluation_id = :id
					AND k.id = :link_id
				)
			)
			AND NOT EXISTS (
				SELECT 1
				FROM deleted_evaluation d
				WHERE (d.account_id = :account AND d.evaluation_id = :id AND d.deleted_at >= :now)
			)
		)
		AND NOT (
			e.write_id = :write_id
			OR (:is_repeatable AND e.value = :value AND e.updated_by IS :subject AND e.updated_at IS NOT NULL)
		)
		AND NOT EXISTS (
			SELECT 1
			FROM keyed_write w
			WHERE (w.account_id = e.account_id AND w.evaluation_id = e.id AND w.write_id = :write_id)
		)
		AND (
			coalesce(e.updated_at, e.created_at) <= :since
			OR NOT EXISTS (
				SELECT 1
				FROM run_evaluation_history h
				WHERE (
					h.account_id = e.account_id
					AND h.evaluation_id = e.id
					AND h.replaced_at > :since
					AND h.write_id = :write_id
				)
			)
		)
		AND (
			:versions IS NULL
			OR coalesce(e.updated_at, e.created_at) IN (SELECT value FROM json_each(:versions))
		)
		AND NOT EXISTS (
			SELECT 1
			FROM json_each(:immutable) AS j
			WHERE j.value IS NOT CASE j.key
				WHEN 'id' THEN e.id
				WHEN 'account_id' THEN e.account_id
				WHEN 'run_id' THEN e.run_id
				WHEN 'output_name' THEN e.output_name
				WHEN 'field_path' THEN e.field_path
				WHEN 'evaluation_label_id' THEN e.evaluation_label_id
				WHEN 'created_by' THEN e.created_by
				WHEN 'created_by_evaluator_id' THEN e.created_by_evaluator_id
				WHEN 'created_at' THEN e.created_at
			END
		)
		AND coalesce(
			(
				SELECT CASE l.value_type
					WHEN 'binary' THEN :value IN (0, 1)
					WHEN 'continuous' THEN :value BETWEEN coalesce(l.min_value, :value) AND coalesce(l.max_value, :value)
					ELSE :value >= 0
					AND :value < json_array_length(l.categories)
					AND :value = round(:value)
				END IS TRUE
				FROM evaluation_label l
				WHERE (l.account_id = e.account_id AND l.id = e.evaluation_label_id)
			),
			(
				SELECT CASE l.value_type
					WHEN 'binary' THEN :value IN (0, 1)
					WHEN 'continuous' THEN :value BETWEEN coalesce(l.min_value, :value) AND coalesce(l.max_value, :value)
					ELSE :value >= 0
					AND :value < json_array_length(l.categories)
					AND :value = round(:value)
				END IS TRUE
				FROM evaluation_label l
				WHERE (l.account_id = 'shared' AND l.id = e.evaluation_label_id)
			),
			1
		)
	)
	RETURNING
		id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
		created_by_evaluator_id, created_at, updated_by, updated_at
`);
