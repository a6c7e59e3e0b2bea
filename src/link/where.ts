/**
 * Checks whether a sender's body is meant for a link. A webhook usually serves a whole project or
 * form, and not only one evaluation. So a link also receives events of other items, and events that
 * contain no value.
 */
import { valueAtPointer } from '../pointer.ts';
import type { Where } from './key.ts';

/**
 * Returns the pointer of the first condition that the body does not meet; undefined if the body
 * meets all conditions. The body meets a condition if the value at the pointer equals one of the
 * accepted scalars in type and value. If the body has no value there, it does not meet the
 * condition, even if null is accepted.
 */
export function findUnmetCondition(body: unknown, where: Where = {}): string | undefined {
  const unmet = Object.entries(where).find(([pointer, accepted]) => {
    const found = valueAtPointer(body, pointer);
    return ![accepted].flat().some((scalar) => scalar === found);
  });
  return unmet?.[0];
}
