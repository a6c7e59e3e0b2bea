/** Creates an evaluation label in one statement. */
import type { OperationContext } from '../db/connection.ts';
import { createWriteId, deriveId, digest } from '../db/write.ts';
import { Failure, keyIsTaken, notFound } from '../failure.ts';
import { refuseServerFields } from '../fields.ts';
import { allowsLabels } from '../principal.ts';
import type { LabelCreate } from './input.ts';
import type { LabelRow } from './read.ts';
import * as sql from './sql.generated.ts';

/** Takes the place of a run's id when `deriveId` derives the id of a label. */
const COLLECTION = 'evaluation-labels';

/**
 * Creates a label. If the account has already created a label with this id and content, returns the
 * existing row, and `created` is false.
 * @param key the Idempotency-Key. If the body has no id, the key determines the id.
 * @throws {Failure} `not_found` if the token is restricted, `conflict`, `unprocessable` or
 * `database_unavailable`.
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
    // A label has no history, so only a digest shows what an earlier create sent.
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
