/**
 * Evaluations in D1: the writes, and with them the reads of reads.ts. An accepted operation is one call; a refused
 * write, and a repeated create, read once more. The principal is the first argument of each function, its account part
 * of each statement. Knows nothing of HTTP.
 */
import type { Clock } from '../clock.ts';
import type { Connection } from '../db/connection.ts';
import { Failure, INTERNAL_ERROR, notFound, unprocessable } from '../failure.ts';
import { allows, type Principal } from '../principal.ts';
import { type EvaluationPath, type EvaluationRow, versionOf } from './evaluation.ts';
import { describeRule, type LabelRow } from './label.ts';
import { getEvaluation, listEvaluations, listReplacedValues } from './reads.ts';
import { type EvaluationCreate, type EvaluationUpdate, type FixedFields, fieldIsFixed, fieldIsSet } from './request.ts';
import { statements } from './statements/compiled.ts';
import type { NewEvaluation } from './statements/create.ts';

/** The versions of which one must be stored for the write to happen; undefined where any will do. */
export type Precondition = readonly string[] | undefined;

export type EvaluationStore = ReturnType<typeof createEvaluationStore>;

export function createEvaluationStore(clock: Clock) {
  return { createEvaluation, updateEvaluation, getEvaluation, listEvaluations, listReplacedValues };

  /**
   * The row as stored, and whether this request created it: a repeated create of the same content gets what is stored.
   * @throws {Failure} saying why nothing was stored.
   */
  async function createEvaluation(
    principal: Principal,
    connection: Connection,
    run_id: string,
    { id, fixed, ...content }: EvaluationCreate,
  ): Promise<{ row: EvaluationRow; created: boolean }> {
    const { account, subject } = principal;
    if (!allows(principal, { run_id })) throw notFound();
    refuseOthers(fixed, { account_id: account, run_id, created_by: subject, created_by_evaluator_id: null });
    const now = clock.now().toISOString();
    const values: NewEvaluation = { ...content, id: id ?? crypto.randomUUID(), run_id, account, subject, now };
    const {
      rows: [row],
      attempts,
    } = await connection.run(statements.create, () => values);
    if (row) return { row, created: true };
    const {
      rows: [explanation],
    } = await connection.run(statements.explainCreate, () => values);
    if (explanation?.id_is_taken) {
      const { id_is_taken, is_same, has_label, is_legal, ...rest } = explanation;
      const { value_type, min_value, max_value, categories, ...stored } = rest;
      if (!is_same || stored.id === null)
        throw new Failure('conflict', 'The id is taken by an evaluation with other content: choose another, or none.');
      refuseOthers(fixed, stored);
      // An earlier try of this very request, whose answer was lost, has this request's time and author.
      const created = attempts > 1 && stored.created_at === now && stored.created_by === subject;
      return { row: stored, created };
    }
    if (!explanation?.has_label)
      throw new Failure(
        'not_found',
        'No such evaluation label: evaluation_label_id must name a label of the account, or a shared one.',
      );
    if (!explanation.is_legal) throw illegal(explanation, content.evaluation_label_id);
    throw changedMeanwhile();
  }

  /**
   * The row as the database returned it, changed or, where the same author repeats the same value, as it was.
   * @throws {Failure} saying why nothing was stored.
   */
  async function updateEvaluation(
    principal: Principal,
    connection: Connection,
    path: EvaluationPath,
    { value, fixed }: EvaluationUpdate,
    precondition: Precondition,
  ): Promise<EvaluationRow> {
    if (!allows(principal, path)) throw notFound();
    const { account, subject } = principal;
    const versions = precondition ? JSON.stringify(precondition) : null;
    const now = clock.now().toISOString();
    const conditions = { ...path, account, subject, now, value, fixed: JSON.stringify(fixed), versions };
    const {
      rows: [row],
      attempts,
    } = await connection.run(statements.update, (attempt) => ({ ...conditions, attempt }));
    if (row) return row;
    const asked = { ...conditions, attempt: attempts };
    const {
      rows: [explanation],
    } = await connection.run(statements.explainUpdate, () => asked);
    if (!explanation) throw notFound();
    const { landed_at, is_current, changed_field, is_allowed, ...rest } = explanation;
    const { value_type, min_value, max_value, categories, ...stored } = rest;
    // What this request stored, and would have answered had the answer to an earlier try not been lost.
    if (landed_at !== null) return { ...stored, value, updated_by: subject, updated_at: landed_at };
    if (!is_current) {
      throw new Failure(
        'precondition_failed',
        'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
        { version: versionOf(stored) },
      );
    }
    if (changed_field !== null) throw fieldIsFixed(changed_field);
    if (!is_allowed) throw illegal(explanation, stored.evaluation_label_id);
    throw changedMeanwhile();
  }
}

/** Refuses a field that was sent with another value than will be stored; `created_at` can only ever be another. */
function refuseOthers(sent: FixedFields, stored: { readonly [field: string]: unknown }): void {
  for (const [field, value] of Object.entries(sent)) {
    if (value !== undefined && value !== stored[field]) throw fieldIsSet(field);
  }
}

function illegal(label: LabelRow, labelId: string): Failure {
  const sentence = describeRule(label);
  if (sentence !== undefined) return unprocessable(sentence);
  return new Failure('inconsistent_data', INTERNAL_ERROR, {}, { cause: `evaluation_label ${labelId} cannot be read` });
}

/** What refused the write, a label for instance, was gone when it was looked up: a retry finds another state. */
const changedMeanwhile = () =>
  new Failure(
    'changed_meanwhile',
    'The evaluation or its label changed during the request: send the same request again, which is safe.',
    { retryAfterSeconds: 1 },
  );
