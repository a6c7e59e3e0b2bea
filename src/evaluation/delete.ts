/**
 * Deletes an evaluation and its history in one statement, which also checks all conditions, such as
 * the versions in `If-Match`.
 */
import type { OperationContext } from '../db/connection.ts';
import { getVersion, type Write } from '../db/write.ts';
import { notFound, preconditionFailed, unexplained } from '../failure.ts';
import { allows } from '../principal.ts';
import type { EvaluationPath } from './read.ts';
import * as sql from './sql.generated.ts';

/**
 * Deletes the evaluation. If an earlier attempt of the same deletion has already succeeded, deletes
 * nothing and succeeds too. So a retry never deletes a new evaluation that was created with the
 * same id after the deletion.
 * - Without an idempotency key, only the Worker's own attempts for this request count as attempts
 *   of the same deletion.
 * - With a key, later requests of the caller with the same key also count, for at least seven days.
 * @throws {Failure} `not_found` (also if the token is restricted to one evaluation),
 * `precondition_failed` or `database_unavailable`.
 */
export async function deleteEvaluation(
  { principal, connection, now }: OperationContext,
  path: EvaluationPath,
  { write_id, versions }: Write,
): Promise<void> {
  if (principal.evaluation !== undefined || !allows(principal, path)) throw notFound();
  const params = {
    ...path,
    account: principal.account,
    now,
    write_id,
    versions: versions === undefined ? null : JSON.stringify(versions),
  };
  const { row, explanation } = await connection.write(
    sql.deleteEvaluation,
    sql.explainDeleteEvaluation,
    () => params,
  );
  if (row || explanation.deleted_at !== null) return;
  if (explanation.id === null) throw connection.settleRefusal(notFound());
  const version = getVersion(explanation);
  if (!versions || versions.includes(version)) throw unexplained('delete');
  throw preconditionFailed('evaluation', version);
}
