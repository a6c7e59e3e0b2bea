/** Creates an evaluation in one statement, which carries its label's rule. Knows nothing of HTTP. */
import type { OperationContext } from '../db/connection.ts';
import { Failure, notFound } from '../failure.ts';
import { refuseIllegal } from '../label/label.ts';
import { allows } from '../principal.ts';
import type { EvaluationRow } from './evaluation.ts';
import { type EvaluationCreate, refuseServerFields } from './input.ts';
import * as sql from './sql.generated.ts';

/**
 * The row as stored, and whether this request created it: a repeated create of the same content gets what is stored.
 * @throws {Failure} saying why nothing was stored.
 */
export async function createEvaluation(
  { principal, connection, now }: OperationContext,
  run_id: string,
  { id, sent, ...content }: EvaluationCreate,
): Promise<{ row: EvaluationRow; created: boolean }> {
  const { account, subject } = principal;
  if (!allows(principal, { run_id })) throw notFound();
  refuseServerFields(sent, { account_id: account, run_id, created_by: subject, created_by_evaluator_id: null });
  const params = { ...content, id: id ?? crypto.randomUUID(), run_id, account, subject, now };
  const {
    rows: [row],
    attempts,
  } = await connection.run(sql.createEvaluation, () => params);
  if (row) return { row, created: true };

  const {
    rows: [explanation],
  } = await connection.run(sql.explainCreateEvaluation, () => params);
  if (explanation?.id_is_taken) {
    const { id_is_taken, is_same, has_label, is_legal, ...rest } = explanation;
    const { value_type, min_value, max_value, categories, ...stored } = rest;
    if (!is_same || stored.id === null) {
      throw new Failure('conflict', 'The id is taken by an evaluation with other content: choose another, or none.');
    }
    refuseServerFields(sent, stored);
    // An earlier attempt of this very request, whose answer was lost, has this request's time and author.
    const created = attempts > 1 && stored.created_at === now && stored.created_by === subject;
    return { row: stored, created };
  }
  if (!explanation?.has_label) {
    throw new Failure(
      'not_found',
      'No such evaluation label: evaluation_label_id must name a label of the account, or a shared one.',
    );
  }
  throw refuseIllegal(explanation.is_legal, explanation, content.evaluation_label_id);
}
