/** The resource: what the published contract calls RunEvaluation, the row behind it, and what was replaced of it. */
import type { runEvaluation, runEvaluationHistory } from '../db/schema.ts';

/** A row as the database returns it, without the column that never leaves it. */
export type EvaluationRow = Omit<typeof runEvaluation.$inferSelect, 'write_id'>;

/**
 * The published RunEvaluation. `account_id`, `created_by` and `updated_by` are plain strings, other ids UUIDs in lower case,
 * times ISO 8601 in UTC with milliseconds, and `value` is any finite double that the label allows. `updated_at` is absent
 * until the first update, and never null.
 */
export type RunEvaluation = Omit<EvaluationRow, 'updated_at'> & { updated_at?: string };

/** Which evaluation: both ids in lower case, as they are stored. */
export type EvaluationPath = { readonly run_id: string; readonly id: string };

/** A value that was replaced: who had set it and when, who replaced it and when. */
export type ReplacedRow = Omit<typeof runEvaluationHistory.$inferSelect, 'account_id' | 'write_id'>;

export function resourceOf(row: EvaluationRow): RunEvaluation {
  const { updated_at, ...fields } = row;
  return updated_at === null ? fields : { ...fields, updated_at };
}
