/**
 * Checks whether an event is meant for a link. A sender often posts the events of a whole project
 * to one URL.
 */
import { valueAtPointer } from '../pointer.ts';
import type { Where } from './key.ts';

/**
 * Returns the pointer of the first condition that the body does not meet; undefined if it meets
 * all. An absent value does not meet a condition, even if the condition accepts null.
 */
export function findUnmetCondition(body: unknown, where: Where = {}): string | undefined {
  const unmet = Object.entries(where).find(([pointer, accepted]) => {
    const found = valueAtPointer(body, pointer);
    return ![accepted].flat().some((scalar) => scalar === found);
  });
  return unmet?.[0];
}
