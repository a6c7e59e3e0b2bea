/** Updates a label in one statement, which also checks all conditions. */
import type { OperationContext } from '../db/connection.ts';
import { getVersion, updateParams, type Write } from '../db/write.ts';
import { notFound, preconditionFailed, unexplained, unprocessable } from '../failure.ts';
import { fieldIsImmutable, findDifferingField } from '../fields.ts';
import { allowsLabels } from '../principal.ts';
import type { LabelUpdate } from './input.ts';
import type { LabelRow } from './read.ts';
import * as sql from './sql.generated.ts';

/**
 * Updates the label, and returns the row as this write stored it. Changes nothing if the last
 * update already stored this write.
 * @throws {Failure} `not_found`, `precondition_failed`, `unprocessable` or `database_unavailable`.
 */
export async function updateEvaluationLabel(
  context: OperationContext,
  id: string,
  update: LabelUpdate,
  write: Write,
): Promise<LabelRow> {
  const { principal, connection } = context;
  if (!allowsLabels(principal, 'write')) throw notFound();
  const { name, description, archived, immutable } = update;
  const params = {
    id,
    name: name ?? null,
    has_description: description === undefined ? 0 : 1,
    description: description ?? null,
    archived: archived === undefined ? null : archived ? 1 : 0,
  } as const;
  const createParams = updateParams(context, write, immutable);
  const { row, explanation } = await connection.write(
    sql.updateEvaluationLabel,
    sql.explainUpdateEvaluationLabel,
    (attempt) => ({ ...params, ...createParams(attempt) }),
  );
  if (row) return row;

  const { is_stored, ...stored } = explanation;
  if (stored.id === null) throw connection.settleRefusal(notFound());
  if (!is_stored && write.versions && !write.versions.includes(getVersion(stored))) {
    throw connection.settleRefusal(preconditionFailed('evaluation label', getVersion(stored)));
  }
  // If this write is stored and changed `archived`, it has changed `archived_at` too.
  const isOwnChange = is_stored === 1 && archived !== undefined;
  const expected = isOwnChange ? { ...immutable, archived_at: undefined } : immutable;
  const changed = findDifferingField(expected, stored);
  if (changed !== undefined) throw connection.settleRefusal(fieldIsImmutable(changed));
  if (!is_stored) throw unexplained('update');
  if (!hasRequestedFields(stored, update))
    throw connection.settleRefusal(unprocessable(KEY_IS_OF_ANOTHER_UPDATE));
  return stored;
}

const hasRequestedFields = (row: LabelRow, { name, description, archived }: LabelUpdate): boolean =>
  (name === undefined || row.name === name) &&
  (description === undefined || row.description === description) &&
  (archived === undefined || (row.archived_at !== null) === archived);

const KEY_IS_OF_ANOTHER_UPDATE =
  'The Idempotency-Key was sent to this label before, with another update: send a new key with a new update.';
