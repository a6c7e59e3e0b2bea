/** Updates an evaluation's value in one statement, which carries every condition. Knows nothing of HTTP. */
import type { OperationContext } from '../db/connection.ts';
import { Failure, notFound } from '../failure.ts';
import { refuseIllegal } from '../label/label.ts';
import { allows } from '../principal.ts';
import { type EvaluationPath, type EvaluationRow, versionOf } from './evaluation.ts';
import { type EvaluationUpdate, fieldIsImmutable } from './input.ts';
import * as sql from './sql.generated.ts';

/** The versions of which one must be stored for the write to happen; undefined if any will do. */
export type Precondition = readonly string[] | undefined;

/**
 * The row as the database returned it, changed or, if the same author repeats the same value, as it was.
 * @throws {Failure} saying why nothing was stored.
 */
export async function updateEvaluation(
  { principal, connection, now }: OperationContext,
  path: EvaluationPath,
  { value, immutable }: EvaluationUpdate,
  precondition: Precondition,
): Promise<EvaluationRow> {
  if (!allows(principal, path)) throw notFound();
  const { account, subject } = principal;
  const versions = precondition ? JSON.stringify(precondition) : null;
  const params = { ...path, account, subject, now, value, immutable: JSON.stringify(immutable), versions };
  const {
    rows: [row],
    attempts,
  } = await connection.run(sql.updateEvaluation, (attempt) => ({ ...params, attempt }));
  if (row) return row;

  const {
    rows: [explanation],
  } = await connection.run(sql.explainUpdateEvaluation, () => ({ ...params, attempt: attempts }));
  if (!explanation) throw notFound();
  const { landed_at, precondition_holds, changed_field, is_allowed, ...rest } = explanation;
  const { value_type, min_value, max_value, categories, ...stored } = rest;
  // What this request stored, and would have answered had the answer to an earlier attempt not been lost.
  if (landed_at !== null) return { ...stored, value, updated_by: subject, updated_at: landed_at };
  if (!precondition_holds) {
    throw new Failure(
      'precondition_failed',
      'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
      { version: versionOf(stored) },
    );
  }
  if (changed_field !== null) throw fieldIsImmutable(changed_field);
  throw refuseIllegal(is_allowed, explanation, stored.evaluation_label_id);
}
