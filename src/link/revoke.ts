/**
 * Revokes a link. After the caller has received the response, no request through the link can store
 * anything, at any edge location.
 */
import type { OperationContext } from '../db/connection.ts';
import type { EvaluationPath } from '../evaluation/read.ts';
import { notFound } from '../failure.ts';
import { allows } from '../principal.ts';
import { readExpiry } from './key.ts';
import * as sql from './sql.generated.ts';

/**
 * Revokes a link by its id. If the link is already revoked, this succeeds again. The database does
 * not know which links exist, so revoking an id that was never issued also succeeds.
 * @throws {Failure}
 * - `not_found` if the evaluation does not exist, if the token may not revoke the link, or if the
 *   time in the id is too far in the future
 * - `database_unavailable`
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
