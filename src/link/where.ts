/**
 * Decides whether a sender's body is for a link. A webhook is usually set up once for a project or
 * a form, so a link also gets the events of other items, and events without a value.
 */
import { valueAtPointer } from '../pointer.ts';
import type { Where } from './key.ts';

/**
 * Returns the pointer of the first condition that the body does not fit; undefined if it fits all.
 * Equal means equal in type and value. What is absent fits no condition, not even null.
 */
export function findUnmetCondition(body: unknown, where: Where = {}): string | undefined {
  const unmet = Object.entries(where).find(([pointer, accepted]) => {
    const found = valueAtPointer(body, pointer);
    return ![accepted].flat().some((scalar) => scalar === found);
  });
  return unmet?.[0];
}
