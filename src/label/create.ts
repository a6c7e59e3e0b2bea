/** Creates an evaluation label in one statement. */
import type { OperationContext } from '../db/connection.ts';
import { createWriteId, deriveId, digest } from '../db/write.ts';
import { Failure, keyIsTaken, notFound } from '../failure.ts';
import { refuseServerFields } from '../fields.ts';
import { allowsLabels } from '../principal.ts';
import type { LabelCreate } from './input.ts';
import type { LabelRow } from './read.ts';
import * as sql from './sql.generated.ts';

/**
 * If the body has no id, the Worker derives the label's id from the caller, this text and the
 * Idempotency-Key. For an evaluation, the Worker uses the id of the run instead of this text.
 */
const COLLECTION = 'evaluation-labels';

/**
 * Creates a label, and returns its row. If this request stored the row, `created` is true. If the
 * account has already created a label with this id and this content, returns that row as it is now,
 * and `created` is false.
 * @param key the request's Idempotency-Key. If the body has no id, the id is derived from the key.
 * @throws {Failure}
 * - `not_found` if the token is restricted to one run or one evaluation
 * - `conflict` if another label already has the id
 * - `unprocessable` if the body has a wrong value for a field that the server sets
 * - `database_unavailable`
 */
export async function createEvaluationLabel(
  { principal, connection, now, uuid }: OperationContext,
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
    id:
      id ?? (key === undefined ? crypto.randomUUID() : await deriveId(principal, COLLECTION, key)),
    account,
    subject,
    now,
    // The digest shows whether a later create has the same content. The columns cannot show that:
    // an update may have changed the name or the description, and a label has no history.
    create_digest: await digest('label', JSON.stringify(content)),
    write_id: createWriteId(uuid),
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
  'Another label of the account, or a shared label, has this id: choose another id, or leave it out.';
