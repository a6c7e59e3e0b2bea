/** Reads evaluation labels. Each read is one call to the database. */
import type { OperationContext, Page, Position } from '../db/connection.ts';
import type { evaluationLabel } from '../db/schema.ts';
import { notFound } from '../failure.ts';
import { allowsLabels } from '../principal.ts';
import * as sql from './sql.generated.ts';

/** `categories` is a JSON array of strings, or null. */
export type LabelRow = Omit<typeof evaluationLabel.$inferSelect, 'create_digest' | 'write_id'>;

/**
 * The label as callers receive it: `updated_at` is absent until the first update. `account_id` is
 * `shared` if every account may use the label.
 */
export type EvaluationLabel = Omit<LabelRow, 'categories' | 'updated_at'> & {
  categories: string[] | null;
  updated_at?: string;
};

/** Converts a database row to the label as callers receive it. */
export function toResource(row: LabelRow): EvaluationLabel {
  const { categories, updated_at, ...fields } = row;
  const label = { ...fields, categories: categories === null ? null : JSON.parse(categories) };
  return updated_at === null ? label : { ...label, updated_at };
}

/**
 * Reads a label of the account, or a shared label.
 * @throws {Failure} `not_found` or `database_unavailable`.
 */
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
 * Reads a page of the own and shared labels, oldest first, archived or not.
 * @throws {Failure} `not_found` if the token is restricted to one evaluation, or
 * `database_unavailable`.
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
