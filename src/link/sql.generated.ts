// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/link/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as page from './page.query.ts';
import type * as revoke from './revoke.query.ts';

export const readLinkPage: StatementOf<typeof page.readLinkPage> = statement(`
	SELECT
		run_evaluation.id, run_evaluation.account_id, run_evaluation.run_id, run_evaluation.output_name,
		run_evaluation.field_path, run_evaluation.evaluation_label_id, run_evaluation.value,
		run_evaluation.created_by, run_evaluation.created_by_evaluator_id, run_evaluation.created_at,
		run_evaluation.updated_by, run_evaluation.updated_at, evaluation_label.name,
		evaluation_label.description, evaluation_label.value_type, evaluation_label.min_value,
		evaluation_label.max_value, evaluation_label.categories,
		(
			SELECT json_group_array(value ORDER BY replaced_at)
			FROM (
				SELECT run_evaluation_history.value, run_evaluation_history.replaced_at
				FROM run_evaluation_history
				WHERE (run_evaluation_history.account_id = :account AND run_evaluation_history.evaluation_id = :id)
				ORDER BY run_evaluation_history.replaced_at DESC
				LIMIT 30
			)
		) AS earlier
	FROM
		run_evaluation
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
	WHERE (
		(
			run_evaluation.account_id = :account
			AND run_evaluation.id = :id
			AND run_evaluation.run_id = :run_id
		)
		AND NOT EXISTS (
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
`);

export const explainRevokeEvaluationLink: StatementOf<typeof revoke.explainRevokeEvaluationLink> = statement(`
	SELECT run_evaluation.id
	FROM
		(SELECT 1 WHERE changes() = 0 OR :alone)
		LEFT JOIN run_evaluation ON (
			run_evaluation.account_id = :account
			AND run_evaluation.id = :id
			AND run_evaluation.run_id = :run_id
		)
`);

export const revokeEvaluationLink: StatementOf<typeof revoke.revokeEvaluationLink> = statement(`
	INSERT INTO revoked_link (account_id, expires_at, evaluation_id, id)
	SELECT :account, :link_expires_at, :id, :link_id
	FROM run_evaluation
	WHERE (
		(
			run_evaluation.account_id = :account
			AND run_evaluation.id = :id
			AND run_evaluation.run_id = :run_id
		)
		AND NOT EXISTS (
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
	RETURNING id
`);
