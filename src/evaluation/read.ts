/** Reads evaluations and their replaced values. Each read is one call to the database. */
import type { OperationContext, Page, Position } from '../db/connection.ts';
import type { runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import { notFound } from '../failure.ts';
import { allows } from '../principal.ts';
import * as sql from './sql.generated.ts';

export type EvaluationRow = Omit<typeof runEvaluation.$inferSelect, 'write_id'>;

/** The evaluation as callers receive it: `updated_at` is absent until the first update. */
export type RunEvaluation = Omit<EvaluationRow, 'updated_at'> & { updated_at?: string };

/** Both ids are UUIDs in lower case. */
export type EvaluationPath = { readonly run_id: string; readonly id: string };

/** A value that an update replaced, with its author and the author of the update. */
export type ReplacedRow = Omit<typeof runEvaluationHistory.$inferSelect, 'account_id' | 'write_id'>;

/** Converts a database row to the evaluation as callers receive it. */
export function toResource(row: EvaluationRow): RunEvaluation {
  const { updated_at, ...fields } = row;
  return updated_at === null ? fields : { ...fields, updated_at };
}

/**
 * Reads an evaluation.
 * @throws {Failure} `not_found` or `database_unavailable`.
 */
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
 * The most rows that a search by label reads for one page. D1 also bills the last row of the
 * previous page, so a page costs at most 1,000 rows.
 */
const LABEL_SEARCH_MAX_ROWS = 999;

/**
 * Reads a page of the run's evaluations, oldest first. With `label`, the page may be short or
 * empty, and the next page begins after `end`.
 * @throws {Failure} `not_found` if the token is restricted to another run or to one evaluation, or
 * `database_unavailable`.
 */
export async function listEvaluations(
  { principal, connection }: OperationContext,
  run_id: string,
  label: string | undefined,
  { after, limit }: Page<Position>,
): Promise<{ readonly rows: EvaluationRow[]; readonly end?: EvaluationRow | undefined }> {
  if (!allows(principal, { run_id })) throw notFound();
  const { account } = principal;
  const [after_created_at, after_id] = [after?.created_at ?? '', after?.id ?? ''];
  const params = { run_id, account, after_created_at, after_id };
  if (label === undefined)
    return { rows: await connection.read(sql.listEvaluations, { ...params, limit }) };
  const found = await connection.read(sql.listEvaluations, {
    ...params,
    limit: LABEL_SEARCH_MAX_ROWS,
  });
  const rows = found.filter(({ evaluation_label_id }) => evaluation_label_id === label);
  return { rows: rows.slice(0, limit), end: found[LABEL_SEARCH_MAX_ROWS - 1] };
}

/**
 * Reads a page of an evaluation's replaced values, newest first.
 * @throws {Failure} `not_found` or `database_unavailable`.
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
