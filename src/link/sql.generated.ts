// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/link/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as pageQueries from './page.query.ts';
import type * as revokeQueries from './revoke.query.ts';

export const readLinkPage: StatementOf<typeof pageQueries.readLinkPage> = statement(`
	SELECT *
	FROM (
		SELECT
			e.id, e.account_id, e.run_id, e.output_name, e.field_path, e.evaluation_label_id, e.value,
			e.created_by, e.created_by_evaluator_id, e.created_at, e.updated_by, e.updated_at, l.name,
			l.description, l.value_type, l.min_value, l.max_value, l.categories,
			(
				SELECT json_group_array(value ORDER BY replaced_at)
				FROM (
					SELECT value, replaced_at
					FROM run_evaluation_history h
					WHERE (h.account_id = :account AND h.evaluation_id = :id)
					ORDER BY h.replaced_at DESC
					LIMIT 30
				) r
			) AS earlier
		FROM
			run_evaluation e
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
		WHERE (
			e.account_id = :account
			AND e.id = :id
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
		)
	)
	UNION ALL
	SELECT
		'the account lives in an object' || place, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM account_object
	WHERE account_id = :account
`);

export const explainRevokeEvaluationLink: StatementOf<typeof revokeQueries.explainRevokeEvaluationLink> = statement(`
	SELECT e.id
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN run_evaluation e ON (e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
	UNION ALL
	SELECT 'the account lives in an object' || place
	FROM account_object
	WHERE account_id = :account
`);

export const revokeEvaluationLink: StatementOf<typeof revokeQueries.revokeEvaluationLink> = statement(`
	INSERT INTO revoked_link (account_id, expires_at, evaluation_id, id)
	SELECT :account, :link_expires_at, :id, :link_id
	WHERE (
		EXISTS (
			SELECT 1 FROM run_evaluation e WHERE (e.account_id = :account AND e.id = :id AND e.run_id = :run_id)
		)
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
	)
	RETURNING id
`);
