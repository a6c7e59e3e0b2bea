/** The resource EvaluationLabel, and the row behind it. */
import type { evaluationLabel } from '../db/schema.ts';

/** A row as the database returns it, without the columns that never leave it. `categories` is a JSON array of strings. */
export type LabelRow = Omit<typeof evaluationLabel.$inferSelect, 'create_digest' | 'write_id'>;

/**
 * What an evaluation's value means. `account_id` is `shared` if it is everyone's; `id` is a UUID in lower case, times are ISO
 * 8601 in UTC with milliseconds. `updated_at` is absent until the first update, and never null.
 */
export type EvaluationLabel = Omit<LabelRow, 'categories' | 'updated_at'> & {
  categories: string[] | null;
  updated_at?: string;
};

export function resourceOf(row: LabelRow): EvaluationLabel {
  const { categories, updated_at, ...fields } = row;
  const label = { ...fields, categories: categories === null ? null : JSON.parse(categories) };
  return updated_at === null ? label : { ...label, updated_at };
}
