/**
 * Evaluations in D1. An accepted operation is one call; a refused one reads once more to say why. The principal is
 * the first argument of each function and its account part of each statement. Knows nothing of HTTP.
 */
import type { Clock } from '../clock';
import { createRun } from '../db/client';
import { Failure } from '../failure';
import { opens, type Principal } from '../principal';
import { type EvaluationRow, type EvaluationUpdate, fieldIsFixed } from './evaluation';
import { describeRule } from './label';
import { createStatements, type Explanation, type UpdateConditions } from './statements';

/** Which evaluation: both ids in lower case, as they are stored. */
export type EvaluationPath = { readonly run_id: string; readonly id: string };

/** The versions of which one must be stored for the write to happen; undefined where any will do. */
export type Precondition = readonly string[] | undefined;

export type EvaluationStore = ReturnType<typeof createEvaluationStore>;

export function createEvaluationStore(db: D1Database, clock: Clock) {
  const run = createRun(db, clock);
  const statements = createStatements(db);

  return {
    /**
     * The row as the database returned it, changed or, where the same author repeats the same value, as it was.
     * @throws {Failure} saying why nothing was stored.
     */
    async updateEvaluation(
      principal: Principal,
      path: EvaluationPath,
      { value, fixed }: EvaluationUpdate,
      precondition: Precondition,
    ): Promise<EvaluationRow> {
      if (!opens(principal, path)) throw new Failure({ kind: 'evaluation_not_found' });
      const conditions: UpdateConditions = {
        ...path,
        account: principal.account,
        subject: principal.subject,
        value,
        fixed: JSON.stringify(fixed),
        versions: precondition ? JSON.stringify(precondition) : null,
      };
      const [row] = await run(statements.update, { ...conditions, now: clock.now().toISOString() });
      if (row) return row;
      const [explanation] = await run(statements.explainUpdate, conditions);
      throw refusalOf(explanation);
    },
  };
}

function refusalOf(explanation: Explanation | undefined): Failure {
  if (!explanation) return new Failure({ kind: 'evaluation_not_found' });
  const { version, is_current, changed_field, is_illegal, evaluation_label_id } = explanation;
  if (!is_current) return new Failure({ kind: 'precondition_failed', version });
  if (changed_field !== null) return fieldIsFixed(changed_field);
  if (is_illegal) {
    const error = describeRule(explanation);
    if (error !== undefined) return new Failure({ kind: 'unprocessable', error });
    return new Failure({ kind: 'inconsistent_data', fault: `evaluation_label ${evaluation_label_id} cannot be read` });
  }
  // What refused the write has changed since, a label for instance: the same request will find another state.
  return new Failure({ kind: 'database_unavailable', retryAfterSeconds: 1 });
}
