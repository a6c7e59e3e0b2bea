/** Revokes a link, at once and everywhere. Knows nothing of HTTP. */
import type { OperationContext } from '../db/connection.ts';
import type { EvaluationPath } from '../evaluation/read.ts';
import { notFound } from '../failure.ts';
import { allows } from '../principal.ts';
import { expiryOf } from './key.ts';
import * as sql from './sql.generated.ts';

/**
 * Safe to repeat. Which links were made is not stored, so that of an id of which none was made is revoked just the same.
 * @throws {Failure} `not_found` if the evaluation is not there, or if no link can have that id.
 */
export async function revokeEvaluationLink(
  { principal, connection, now }: OperationContext,
  path: EvaluationPath,
  link_id: string,
): Promise<void> {
  const { account, evaluation } = principal;
  const link_expires_at = expiryOf(link_id, now);
  if (evaluation !== undefined || !allows(principal, path) || link_expires_at === undefined)
    throw notFound();
  const params = { ...path, account, link_id, link_expires_at };
  const { row, explanation } = await connection.write(
    sql.revokeEvaluationLink,
    sql.explainRevokeEvaluationLink,
    () => params,
  );
  if (!row && explanation.id === null) throw notFound();
}
