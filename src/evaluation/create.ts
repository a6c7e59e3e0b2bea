/** Creates an evaluation in one statement, which also checks that the label allows the value. */
import type { OperationContext } from '../db/connection.ts';
import { createWriteId, deriveId } from '../db/write.ts';
import { Failure, keyIsTaken, notFound, unexplained, unprocessable } from '../failure.ts';
import { refuseServerFields } from '../fields.ts';
import { findValueRefusal } from '../label/rule.ts';
import { allows } from '../principal.ts';
import type { EvaluationCreate } from './input.ts';
import type { EvaluationRow } from './read.ts';
import * as sql from './sql.generated.ts';

/**
 * Creates an evaluation. If the account already has an evaluation with this id and content, returns
 * the existing row, and `created` is false.
 * @param key the Idempotency-Key. If the body has no id, the key determines the id.
 * @throws {Failure} `not_found`, `conflict`, `unprocessable` or `database_unavailable`.
 */
export async function createEvaluation(
  { principal, connection, now, uuid }: OperationContext,
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
  const params = {
    ...content,
    ...author,
    id: id ?? (key === undefined ? crypto.randomUUID() : await deriveId(principal, run_id, key)),
    run_id,
    account,
    now,
    write_id: createWriteId(uuid),
  };
  const { row, explanation } = await connection.write(
    sql.createEvaluation,
    sql.explainCreateEvaluation,
    () => params,
  );
  if (row) return { row, created: true };

  const { created_value, is_own_write, is_not_deleted, archived_at, ...rest } = explanation;
  const { value_type, min_value, max_value, categories, ...stored } = rest;
  if (stored.id !== null) {
    const { evaluation_label_id, output_name, field_path, value } = content;
    const isSame =
      stored.run_id === run_id &&
      stored.evaluation_label_id === evaluation_label_id &&
      stored.output_name === output_name &&
      stored.field_path === field_path &&
      created_value === value;
    if (!isSame) {
      const taken = id === undefined ? keyIsTaken() : new Failure('conflict', ID_IS_TAKEN);
      throw connection.settleRefusal(taken);
    }
    refuseServerFields(sent, stored);
    if (!is_own_write) return { row: stored, created: false };
    // An earlier attempt created the row. Another request may have updated the row since.
    return { row: { ...stored, value, updated_by: null, updated_at: null }, created: true };
  }
  if (!is_not_deleted) throw connection.settleRefusal(new Failure('conflict', ID_WAS_DELETED));
  if (value_type === null) throw connection.settleRefusal(new Failure('not_found', NO_SUCH_LABEL));
  if (archived_at !== null) throw connection.settleRefusal(unprocessable(LABEL_IS_ARCHIVED));
  throw findValueRefusal(explanation, content.value) ?? unexplained('create');
}

const NO_SUCH_LABEL =
  'No such evaluation label: evaluation_label_id must name a label of the account, or a shared label.';
const LABEL_IS_ARCHIVED =
  'The evaluation label is archived and takes no new evaluations: use another label, or unarchive this one.';
const ID_IS_TAKEN =
  'Another evaluation of this account has this id, with other content: choose another id, or leave it out.';
const ID_WAS_DELETED =
  'The evaluation with this id was deleted after this request began: send the request again to create a new one.';
