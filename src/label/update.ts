/** Changes a label's name, its description, or whether it is archived, in one statement. Knows nothing of HTTP. */
import { type OperationContext, type UpdateConditions, versionOf } from '../db/operation.ts';
import { commonUpdateParams } from '../db/update.ts';
import { notFound, preconditionFailed, unprocessable } from '../failure.ts';
import { fieldIsImmutable } from '../fields.ts';
import { allowsLabels } from '../principal.ts';
import type { LabelUpdate } from './input.ts';
import type { LabelRow } from './label.ts';
import * as sql from './sql.generated.ts';

/**
 * The row as this write stored it. Without conditions, the same content by the same author changes nothing and gets the row
 * as it is. A named write is recognised while it is the label's last one.
 * @throws {Failure} saying why nothing was stored.
 */
export async function updateEvaluationLabel(
  context: OperationContext,
  id: string,
  { name, description, archived, immutable }: LabelUpdate,
  conditions: UpdateConditions,
): Promise<LabelRow> {
  const { principal, connection } = context;
  if (!allowsLabels(principal, 'write')) throw notFound();
  const params = {
    id,
    name: name ?? null,
    has_description: description === undefined ? 0 : 1,
    description: description ?? null,
    archived: archived === undefined ? null : archived ? 1 : 0,
  } as const;
  const common = await commonUpdateParams(context, conditions, immutable);
  const { row, explanation } = await connection.write(
    sql.updateEvaluationLabel,
    sql.explainUpdateEvaluationLabel,
    (attempt) => ({ ...params, ...common(attempt) }),
  );
  if (row) return row;

  const { is_stored, is_as_asked, precondition_holds, changed_field, ...stored } = explanation;
  if (stored.id === null) throw notFound();
  if (!is_stored && !precondition_holds)
    throw preconditionFailed('evaluation label', versionOf(stored));
  if (changed_field !== null) throw fieldIsImmutable(changed_field);
  if (!is_as_asked) throw unprocessable(KEY_IS_OF_ANOTHER_UPDATE);
  return stored;
}

const KEY_IS_OF_ANOTHER_UPDATE =
  'The Idempotency-Key was sent to this label before, with another update: send a new key with a new update.';
