/**
 * Revokes a link. After the response, no request through the link can store anything, at any edge
 * location.
 */
import type { OperationContext } from '../db/connection.ts';
import type { EvaluationPath } from '../evaluation/read.ts';
import { notFound } from '../failure.ts';
import { allows } from '../principal.ts';
import { readExpiry } from './key.ts';
import * as sql from './sql.generated.ts';

/**
 * Revokes a link by its id. Revoking an id again, or an id that was never issued, also succeeds.
 * @throws {Failure} `not_found` (also if the time in the id is too far in the future) or
 * `database_unavailable`.
 */
export async function revokeEvaluationLink(
  { principal, connection, now }: OperationContext,
  path: EvaluationPath,
  link_id: string,
): Promise<void> {
  const { account, evaluation } = principal;
  const link_expires_at = readExpiry(link_id, now);
  if (evaluation !== undefined || !allows(principal, path) || link_expires_at === undefined)
    throw notFound();
  const params = { ...path, account, link_id, link_expires_at };
  const { row, explanation } = await connection.write(
    sql.revokeEvaluationLink,
    sql.explainRevokeEvaluationLink,
    () => params,
  );
  if (!row && explanation.id === null) throw connection.settleRefusal(notFound());
}
