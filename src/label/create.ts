/** Creates an evaluation label in one statement. Knows nothing of HTTP. */
import type { OperationContext } from '../db/connection.ts';
import { digest, idOfKey, randomWriteId } from '../db/write.ts';
import { Failure, keyIsTaken, notFound } from '../failure.ts';
import { refuseServerFields } from '../fields.ts';
import { allowsLabels } from '../principal.ts';
import type { LabelCreate } from './input.ts';
import type { LabelRow } from './read.ts';
import * as sql from './sql.generated.ts';

/** What an id is derived from in place of a run: an account has one collection of labels. */
const COLLECTION = 'evaluation-labels';

/**
 * The row as stored, and whether this request created it: a repeated create of the same content gets what is stored now.
 * `key` is the caller's name for the create, from which the id is derived if the caller sent none.
 * @throws {Failure} saying why nothing was stored.
 */
export async function createEvaluationLabel(
  { principal, connection, now }: OperationContext,
  { id, sent, content }: LabelCreate,
  key: string | undefined,
): Promise<{ row: LabelRow; created: boolean }> {
  const { account, subject } = principal;
  if (!allowsLabels(principal, 'write')) throw notFound();
  refuseServerFields(sent, {
    account_id: account,
    archived: false,
    archived_at: null,
    created_by: subject,
  });
  const categories = content.categories === null ? null : JSON.stringify(content.categories);
  const params = {
    ...content,
    categories,
    id: id ?? (key === undefined ? crypto.randomUUID() : await idOfKey(principal, COLLECTION, key)),
    account,
    subject,
    now,
    // A label has no history, so what it was created with is kept as a digest: name and description may change.
    create_digest: await digest('label', JSON.stringify(content)),
    write_id: randomWriteId(),
  };
  const { row, explanation } = await connection.write(
    sql.createEvaluationLabel,
    sql.explainCreateEvaluationLabel,
    () => params,
  );
  if (row) return { row, created: true };

  const { is_same, is_own_write, ...stored } = explanation;
  if (stored.id === null || !is_same)
    throw id === undefined ? keyIsTaken() : new Failure('conflict', ID_IS_TAKEN);
  refuseServerFields({ created_by: sent.created_by }, { created_by: stored.created_by });
  return { row: stored, created: is_own_write === 1 };
}

const ID_IS_TAKEN =
  'The id is taken by another label of the account, or a shared one: choose another, or none.';
