/** Deletes an evaluation and its history in one statement, which contains every condition. */
import type { OperationContext } from '../db/connection.ts';
import { getVersion, type Write } from '../db/write.ts';
import { notFound, preconditionFailed, unexplained } from '../failure.ts';
import { allows } from '../principal.ts';
import type { EvaluationPath } from './read.ts';
import * as sql from './sql.generated.ts';

/**
 * Deletes the evaluation. A retry succeeds and deletes nothing more, even if another evaluation has
 * the same id by then. Without a key, only the Worker's own retries count. With a key, so do the
 * caller's requests with the same key, for at least seven days.
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
