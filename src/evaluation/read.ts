/** Reads evaluations, one call to D1 each. Knows nothing of HTTP. */
import type { OperationContext, Page, Position } from '../db/connection.ts';
import { notFound } from '../failure.ts';
import { allows } from '../principal.ts';
import type { EvaluationPath, EvaluationRow, ReplacedRow } from './evaluation.ts';
import * as sql from './sql.generated.ts';

/** @throws {Failure} `not_found`. */
export async function getEvaluation(
  { principal, connection }: OperationContext,
  path: EvaluationPath,
): Promise<EvaluationRow> {
  if (!allows(principal, path)) throw notFound();
  const { account } = principal;
  const [row] = await connection.read(sql.getEvaluation, { ...path, account });
  if (!row) throw notFound();
  return row;
}

/**
 * A page of the run's evaluations, oldest first; empty if the account has no such run.
 * @throws {Failure} `not_found` if the token is restricted to another run, or to one evaluation.
 */
export async function listEvaluations(
  { principal, connection }: OperationContext,
  run_id: string,
  /** The label of which evaluations are listed; undefined for all. */
  label: string | undefined,
  { after, limit }: Page<Position>,
): Promise<EvaluationRow[]> {
  if (!allows(principal, { run_id })) throw notFound();
  const [after_created_at, after_id] = [after?.created_at ?? '', after?.id ?? ''];
  const { account } = principal;
  const evaluation_label_id = label ?? null;
  const params = { run_id, account, evaluation_label_id, after_created_at, after_id, limit };
  return connection.read(sql.listEvaluations, params);
}

/**
 * A page of the replaced values of an evaluation, newest first.
 * @throws {Failure} `not_found`.
 */
export async function listReplacedValues(
  { principal, connection }: OperationContext,
  path: EvaluationPath,
  { after, limit }: Page<{ replaced_at: string }>,
): Promise<ReplacedRow[]> {
  if (!allows(principal, path)) throw notFound();
  const params = { ...path, account: principal.account, before: after?.replaced_at ?? '~', limit };
  const rows = await connection.read(sql.listReplacedValues, params);
  if (rows.length === 0) throw notFound();
  return rows.filter((row): row is ReplacedRow => row.replaced_at !== null);
}
