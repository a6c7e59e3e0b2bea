/**
 * Checks whether an event is meant for a link. A sender often posts the events of a whole project
 * or form to one URL. So a link also receives events about other things than its evaluation, and
 * events without a value. The link's conditions (`where`) tell these events apart.
 */
import { valueAtPointer } from '../pointer.ts';
import type { Where } from './key.ts';

/**
 * Returns the pointer of the first condition that the body does not meet; undefined if the body
 * meets all conditions. A condition accepts one or several scalars. The body meets the condition if
 * its value at the pointer has the type and the value of an accepted scalar. If the body has no
 * value at the pointer, it does not meet the condition, even if null is accepted.
 */
export function findUnmetCondition(body: unknown, where: Where = {}): string | undefined {
  const unmet = Object.entries(where).find(([pointer, accepted]) => {
    const found = valueAtPointer(body, pointer);
    return ![accepted].flat().some((scalar) => scalar === found);
  });
  return unmet?.[0];
}
