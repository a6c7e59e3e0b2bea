/** Creates an evaluation in one statement, which carries its label's rule. Knows nothing of HTTP. */
import type { OperationContext } from '../db/operation.ts';
import { idOfKey, nameWrite } from '../db/write-id.ts';
import { Failure, keyIsTaken, notFound, unprocessable } from '../failure.ts';
import { refuseServerFields } from '../fields.ts';
import { valueIsIllegal } from '../label/rule.ts';
import { allows } from '../principal.ts';
import type { EvaluationRow } from './evaluation.ts';
import type { EvaluationCreate } from './input.ts';
import * as sql from './sql.generated.ts';

/**
 * The row as stored, and whether this request created it: a repeated create of the same content gets what is stored.
 * `key` is the caller's name for the create, from which the id is derived if the body has none.
 * @throws {Failure} saying why nothing was stored.
 */
export async function createEvaluation(
  { principal, connection, now }: OperationContext,
  run_id: string,
  { id, sent, ...content }: EvaluationCreate,
  key: string | undefined,
): Promise<{ row: EvaluationRow; created: boolean }> {
  const { account, subject, evaluator } = principal;
  if (!allows(principal, { run_id })) throw notFound();
  const author = {
    created_by: evaluator === undefined ? subject : null,
    created_by_evaluator_id: evaluator ?? null,
  };
  refuseServerFields(sent, { account_id: account, run_id, ...author });
  // The name is of this request alone: a repetition is recognised by its id.
  const { write_id } = await nameWrite(principal, now, undefined);
  const params = {
    ...content,
    ...author,
    id: id ?? (key === undefined ? crypto.randomUUID() : await idOfKey(principal, run_id, key)),
    run_id,
    account,
    now,
    write_id,
  };
  const { row, explanation } = await connection.write(
    sql.createEvaluation,
    sql.explainCreateEvaluation,
    () => params,
  );
  if (row) return { row, created: true };

  const { is_same, is_own_write, has_label, archived_at, ...rest } = explanation;
  const { value_type, min_value, max_value, categories, ...stored } = rest;
  if (stored.id !== null) {
    if (!is_same) throw id === undefined ? keyIsTaken() : new Failure('conflict', ID_IS_TAKEN);
    refuseServerFields(sent, stored);
    // An earlier attempt of this request stored it: what was stored, though it may have been updated since.
    if (is_own_write)
      return {
        row: { ...stored, value: content.value, updated_by: null, updated_at: null },
        created: true,
      };
    return { row: stored, created: false };
  }
  if (!has_label) {
    throw new Failure(
      'not_found',
      'No such evaluation label: evaluation_label_id must name a label of the account, or a shared one.',
    );
  }
  if (archived_at !== null) throw unprocessable(LABEL_IS_ARCHIVED);
  throw valueIsIllegal(explanation);
}

const LABEL_IS_ARCHIVED =
  'The evaluation label is archived: no new evaluation is stored under it. Use another label, or unarchive it.';
const ID_IS_TAKEN =
  'The id is taken by another evaluation of this account, with other content: choose another id, or none.';
