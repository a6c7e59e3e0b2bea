/** The resource EvaluationLabel, and its reads: one call to the database each. */
import type { OperationContext, Page, Position } from '../db/connection.ts';
import type { evaluationLabel } from '../db/schema.ts';
import { notFound } from '../failure.ts';
import { allowsLabels } from '../principal.ts';
import * as sql from './sql.generated.ts';

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

/** @throws {Failure} `not_found`. */
export async function getEvaluationLabel(
  { principal, connection }: OperationContext,
  id: string,
): Promise<LabelRow> {
  if (!allowsLabels(principal, 'read')) throw notFound();
  const [row] = await connection.read(sql.getEvaluationLabel, { id, account: principal.account });
  if (!row) throw notFound();
  return row;
}

/**
 * A page of the labels that the account may use, its own and the shared ones, oldest first, archived ones too.
 * @throws {Failure} `not_found` if the token is restricted to one evaluation.
 */
export async function listEvaluationLabels(
  { principal, connection }: OperationContext,
  { after, limit }: Page<Position>,
): Promise<LabelRow[]> {
  if (!allowsLabels(principal, 'read')) throw notFound();
  const [after_created_at, after_id] = [after?.created_at ?? '', after?.id ?? ''];
  const { account } = principal;
  return connection.read(sql.listEvaluationLabels, { account, after_created_at, after_id, limit });
}
