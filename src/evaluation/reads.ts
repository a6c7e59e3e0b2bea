/** The reads of evaluations in D1, one call each. Like the writes, they know nothing of HTTP. */
import type { Connection } from '../db/connection.ts';
import { notFound } from '../failure.ts';
import { allows, type Principal } from '../principal.ts';
import type { EvaluationPath, EvaluationRow, ReplacedRow } from './evaluation.ts';
import { statements } from './statements/compiled.ts';

/** Where a page begins, as the last entry of the page before, and how many entries it may have. */
export type Page<Cursor> = { readonly after: Cursor | undefined; readonly limit: number };

/** @throws {Failure} `not_found`. */
export async function getEvaluation(
  principal: Principal,
  connection: Connection,
  path: EvaluationPath,
): Promise<EvaluationRow> {
  if (!allows(principal, path)) throw notFound();
  const {
    rows: [row],
  } = await connection.run(statements.get, () => ({ ...path, account: principal.account }));
  if (!row) throw notFound();
  return row;
}

/**
 * A page of the run's evaluations, oldest first; none where the account has no such run.
 * @throws {Failure} `not_found` where the token opens another run, or one evaluation only.
 */
export async function listEvaluations(
  principal: Principal,
  connection: Connection,
  run_id: string,
  { after, limit }: Page<{ created_at: string; id: string }>,
): Promise<EvaluationRow[]> {
  if (!allows(principal, { run_id })) throw notFound();
  const [after_created_at, after_id] = [after?.created_at ?? '', after?.id ?? ''];
  const { account } = principal;
  return (await connection.run(statements.list, () => ({ run_id, account, after_created_at, after_id, limit }))).rows;
}

/**
 * A page of what was replaced of an evaluation, newest first.
 * @throws {Failure} `not_found`.
 */
export async function listReplacedValues(
  principal: Principal,
  connection: Connection,
  path: EvaluationPath,
  { after, limit }: Page<{ replaced_at: string }>,
): Promise<ReplacedRow[]> {
  if (!allows(principal, path)) throw notFound();
  const before = after?.replaced_at ?? '~';
  const { rows } = await connection.run(statements.history, () => ({
    ...path,
    account: principal.account,
    before,
    limit,
  }));
  if (rows.length === 0) throw notFound();
  return rows.filter((row): row is ReplacedRow => row.replaced_at !== null);
}
