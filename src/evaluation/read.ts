/**
 * Reads evaluations and the values that updates have replaced. Each read is one call to the
 * database.
 */
import type { OperationContext, Page, Position } from '../db/connection.ts';
import type { runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import { notFound } from '../failure.ts';
import { allows } from '../principal.ts';
import * as sql from './sql.generated.ts';

/**
 * The row of an evaluation as the database returns it. `write_id` is missing, because it never
 * leaves the database.
 */
export type EvaluationRow = Omit<typeof runEvaluation.$inferSelect, 'write_id'>;

/**
 * The evaluation as callers receive it.
 * - `account_id`, `created_by` and `updated_by` are plain strings. All other ids are UUIDs in lower
 *   case.
 * - Times are ISO 8601 in UTC with milliseconds.
 * - `value` is a finite double.
 * - `updated_at` is absent until the first update, and never null.
 */
export type RunEvaluation = Omit<EvaluationRow, 'updated_at'> & { updated_at?: string };

/** The ids of an evaluation and its run, in lower case, as they are stored. */
export type EvaluationPath = { readonly run_id: string; readonly id: string };

/**
 * An entry of an evaluation's history: a value that an update replaced, who had set the value and
 * when, and who replaced it and when.
 */
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
 * If a request asks for the evaluations under one label, the Worker reads at most this many
 * evaluations of the run. D1 then bills at most 1,000 rows: these 999 and, from the second page on,
 * the last row of the previous page.
 */
const LABEL_SEARCH_MAX_ROWS = 999;

/**
 * Reads a page of the run's evaluations, oldest first. If the account has no such run, the page is
 * empty.
 * If `label` is set, the Worker reads the next LABEL_SEARCH_MAX_ROWS evaluations of the run, and
 * returns only the evaluations under the label. No index contains the label, and the run may be too
 * long to read completely. If the run may have more evaluations, `end` is the last evaluation that
 * the Worker read. The next page can then begin after `end`, even if this page is empty.
 * @throws {Failure} `not_found` if the token is restricted to a different run, or to one
 * evaluation; or `database_unavailable`.
 */
export async function listEvaluations(
  { principal, connection }: OperationContext,
  run_id: string,
  /** If `label` is set, the page contains only evaluations under this label. */
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
 * Reads a page of the values of an evaluation that updates have replaced, newest first.
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
