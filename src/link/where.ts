/**
 * Decides whether a sender's body is meant for a link. A webhook usually serves a whole project or
 * form, so a link also gets events of other items, and events without a value.
 */
import { valueAtPointer } from '../pointer.ts';
import type { Where } from './key.ts';

/**
 * Returns the pointer of the first condition that the body does not fit; undefined if it fits all.
 * A scalar fits if it is equal in type and value. An absent value fits no condition, not even null.
 */
export function findUnmetCondition(body: unknown, where: Where = {}): string | undefined {
  const unmet = Object.entries(where).find(([pointer, accepted]) => {
    const found = valueAtPointer(body, pointer);
    return ![accepted].flat().some((scalar) => scalar === found);
  });
  return unmet?.[0];
}
