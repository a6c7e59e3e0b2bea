/** Updates an evaluation's value in one statement, which carries every condition. Knows nothing of HTTP. */
import type { Written } from '../db/connection.ts';
import {
  type LinkId,
  type OperationContext,
  type UpdateConditions,
  versionOf,
} from '../db/operation.ts';
import { commonUpdateParams } from '../db/update.ts';
import { notFound, preconditionFailed, unprocessable } from '../failure.ts';
import { fieldIsImmutable } from '../fields.ts';
import { valueIsIllegal } from '../label/rule.ts';
import { allows } from '../principal.ts';
import type { EvaluationPath, EvaluationRow } from './evaluation.ts';
import type { EvaluationUpdate } from './input.ts';
import * as sql from './sql.generated.ts';
import type { UpdateExplanation, UpdateParams } from './update.query.ts';

/**
 * The row as this write stored it: now, or in an earlier attempt. Without conditions, the same value by the same author
 * changes nothing and gets the row as it is. Nothing is stored through a link that is revoked.
 * @throws {Failure} saying why nothing was stored.
 */
export async function updateEvaluation(
  context: OperationContext,
  path: EvaluationPath,
  update: EvaluationUpdate,
  conditions: UpdateConditions,
  link?: LinkId,
): Promise<EvaluationRow> {
  const { write, storedRow } = await prepareUpdate(context, path, update, conditions, link);
  return storedRow(await context.connection.write(...write));
}

/**
 * What the connection is given to write, and what makes of its result the row or a failure: for a caller who reads
 * something else in the same transaction.
 * @throws {Failure} `not_found` if the restriction of the token does not allow the evaluation.
 */
export async function prepareUpdate(
  context: OperationContext,
  path: EvaluationPath,
  { value, immutable }: EvaluationUpdate,
  conditions: UpdateConditions,
  link?: LinkId,
) {
  if (!allows(context.principal, path)) throw notFound();
  const { subject } = context.principal;
  const params = {
    ...path,
    value,
    link_id: link?.id ?? null,
    link_expires_at: link?.expires_at ?? null,
  };
  const common = await commonUpdateParams(context, conditions, immutable);
  const paramsOf = (attempt: number): UpdateParams => ({ ...params, ...common(attempt) });
  return {
    write: [sql.updateEvaluation, sql.explainUpdateEvaluation, paramsOf] as const,
    storedRow: (written: Written<EvaluationRow, UpdateExplanation>) =>
      storedRow(written, value, subject),
  };
}

/** @throws {Failure} saying why nothing was stored. */
function storedRow(
  { row, explanation }: Written<EvaluationRow, UpdateExplanation>,
  value: number,
  subject: string,
): EvaluationRow {
  if (row) return row;
  const {
    is_in_row,
    replaced_value,
    replaced_updated_at,
    precondition_holds,
    changed_field,
    ...rest
  } = explanation;
  const { value_type, min_value, max_value, categories, ...stored } = rest;
  const [stored_value, stored_at] = is_in_row
    ? [stored.value, stored.updated_at]
    : [replaced_value, replaced_updated_at];
  if (stored.id === null) throw notFound();
  if (stored_at !== null) {
    if (changed_field !== null) throw fieldIsImmutable(changed_field);
    if (stored_value !== value) throw keyIsOfAnotherValue(stored_value);
    if (is_in_row) return stored;
    return { ...stored, value, updated_by: subject, updated_at: stored_at };
  }
  if (!precondition_holds) throw preconditionFailed('evaluation', versionOf(stored));
  if (changed_field !== null) throw fieldIsImmutable(changed_field);
  throw valueIsIllegal(explanation);
}

const keyIsOfAnotherValue = (value: number | null) =>
  unprocessable(
    `The Idempotency-Key was sent to this evaluation before, with the value ${value}: send a new key with a new value.`,
  );
