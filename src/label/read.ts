/** Reads labels, one call to D1 each. Knows nothing of HTTP. */
import type { OperationContext, Page, Position } from '../db/connection.ts';
import { notFound } from '../failure.ts';
import { allowsLabels } from '../principal.ts';
import type { LabelRow } from './label.ts';
import * as sql from './sql.generated.ts';

/** @throws {Failure} `not_found`. */
export async function getEvaluationLabel(
  { principal, connection }: OperationContext,
  id: string,
): Promise<LabelRow> {
  if (!allowsLabels(principal, 'read')) throw notFound();
  const [row] = await connection.read(sql.getEvaluationLabel, { id, account: principal.account });
  if (!row) throw notFound();
  return row;
}

/**
 * A page of the labels that the account may use, its own and the shared ones, oldest first, archived ones too.
 * @throws {Failure} `not_found` if the token is restricted to one evaluation.
 */
export async function listEvaluationLabels(
  { principal, connection }: OperationContext,
  { after, limit }: Page<Position>,
): Promise<LabelRow[]> {
  if (!allowsLabels(principal, 'read')) throw notFound();
  const [after_created_at, after_id] = [after?.created_at ?? '', after?.id ?? ''];
  const { account } = principal;
  return connection.read(sql.listEvaluationLabels, { account, after_created_at, after_id, limit });
}
