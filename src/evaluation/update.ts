/** Updates an evaluation's value in one statement, which also checks all conditions. */
import type { OperationContext } from '../db/connection.ts';
import type { RowOf, Statement } from '../db/statement.ts';
import { getVersion, updateParams, type Write } from '../db/write.ts';
import { notFound, preconditionFailed, unexplained, unprocessable } from '../failure.ts';
import { fieldIsImmutable, findDifferingField } from '../fields.ts';
import { findValueRefusal } from '../label/rule.ts';
import { allows } from '../principal.ts';
import type { EvaluationUpdate } from './input.ts';
import type { EvaluationPath, EvaluationRow } from './read.ts';
import * as sql from './sql.generated.ts';

type UpdateParams = typeof sql.updateEvaluation extends Statement<infer P, unknown> ? P : never;

/**
 * The ids for a request through a link. `run_id` is null, because a link does not contain a run.
 */
export type LinkedPath = {
  readonly run_id: null;
  readonly id: string;
  readonly link_id: string;
  readonly link_expires_at: string;
};

/**
 * A statement that reads rows after the write, in the same transaction, even if the write stored
 * nothing.
 */
type FurtherRead<Row> = {
  readonly statement: Statement<UpdateParams, Row>;
  readonly rows: Row[];
};

/**
 * Updates the value, and returns the row as this write stored it. Changes nothing if an earlier
 * attempt or request has already stored this write.
 * @throws {Failure} `not_found`, `precondition_failed`, `unprocessable` or `database_unavailable`.
 */
export async function updateEvaluation<Row = never>(
  context: OperationContext,
  path: EvaluationPath | LinkedPath,
  update: EvaluationUpdate,
  write: Write,
  read?: FurtherRead<Row>,
): Promise<EvaluationRow> {
  if (!allows(context.principal, path)) throw notFound();
  const scope = { link_id: null, link_expires_at: null, ...path };
  const createParams = updateParams(context, write, update.immutable);
  const written = await context.connection.write(
    sql.updateEvaluation,
    sql.explainUpdateEvaluation,
    (attempt) => ({ ...scope, value: update.value, ...createParams(attempt) }),
    read?.statement,
  );
  read?.rows.push(...written.read);
  return written.row ?? findEarlierRow(written.explanation, update, write, context);
}

/**
 * Returns the row if an earlier attempt stored this write. Otherwise throws the failure for the
 * first false condition, in the order of README.md.
 */
function findEarlierRow(
  explanation: RowOf<typeof sql.explainUpdateEvaluation>,
  { value, immutable }: EvaluationUpdate,
  { versions }: Write,
  { principal: { subject }, connection }: OperationContext,
): EvaluationRow {
  const { is_own_write, is_repeatable, earlier_value, earlier_updated_at, ...rest } = explanation;
  const { value_type, min_value, max_value, categories, ...row } = rest;
  if (row.id === null) throw connection.settleRefusal(notFound());
  const changed = findDifferingField(immutable, row);
  const isRetry = is_repeatable && row.value === value && row.updated_by === subject;
  const [stored, updated_at] =
    is_own_write || isRetry ? [row.value, row.updated_at] : [earlier_value, earlier_updated_at];
  if (updated_at !== null) {
    if (changed !== undefined) throw fieldIsImmutable(changed);
    if (stored !== value) throw keyIsOfAnotherValue(stored);
    return { ...row, value, updated_by: subject, updated_at };
  }
  if (versions && !versions.includes(getVersion(row))) {
    throw preconditionFailed('evaluation', getVersion(row));
  }
  if (changed !== undefined) throw fieldIsImmutable(changed);
  throw findValueRefusal(explanation, value) ?? unexplained('update');
}

const keyIsOfAnotherValue = (value: number | null) =>
  unprocessable(
    `The Idempotency-Key was sent to this evaluation before, with the value ${value}: send a new key with a new value.`,
  );
