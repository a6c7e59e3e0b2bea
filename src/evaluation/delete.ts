/** Deletes an evaluation in one statement, which also checks all conditions. */
import type { OperationContext } from '../db/connection.ts';
import { getVersion, type Write } from '../db/write.ts';
import { notFound, preconditionFailed, unexplained } from '../failure.ts';
import { allows } from '../principal.ts';
import type { EvaluationPath } from './read.ts';
import * as sql from './sql.generated.ts';

/**
 * Deletes the evaluation and its history. A retry by the Worker, or with the same idempotency key,
 * succeeds and never deletes a newer evaluation.
 * @throws {Failure} `not_found`, `precondition_failed` or `database_unavailable`.
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
