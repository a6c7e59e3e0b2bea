/** The parameters that the updates of all resources share; conditions.ts has the SQL that takes them. */
import type { CommonUpdateParams } from './conditions.ts';
import type { OperationContext, UpdateConditions } from './operation.ts';
import { nameWrite } from './write-id.ts';

/** Of each attempt, by its number. */
export async function commonUpdateParams(
  { principal, now }: OperationContext,
  { versions, key }: UpdateConditions,
  immutable: object,
): Promise<(attempt: number) => CommonUpdateParams> {
  const params = {
    ...(await nameWrite(principal, now, key)),
    account: principal.account,
    subject: principal.subject,
    now,
    immutable: JSON.stringify(immutable),
    versions: versions === undefined ? null : JSON.stringify(versions),
  };
  const isPlain = versions === undefined && key === undefined;
  // Only the first attempt may be taken for a repetition of an earlier request: a later one stores its name, so that an
  // attempt that was reported lost and arrives after it finds that, and does not undo what others wrote since.
  return (attempt) => ({ ...params, is_repeatable: isPlain && attempt === 1 ? 1 : 0 });
}
