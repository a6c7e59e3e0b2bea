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
 * Deletes the evaluation. A retry of the deletion succeeds and deletes nothing more, even if
 * another evaluation has the same id by then.
 * - Without an idempotency key, only further attempts of the Worker count as retries.
 * - With a key, later requests of the caller with the same key also count as retries, for at least
 *   seven days.
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
