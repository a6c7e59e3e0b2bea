/**
 * JSON Pointer (RFC 6901): the path to one value in a JSON document. Pointers and documents may
 * both come from strangers. So this file works in linear time and never reads an inherited
 * property.
 */

/** Returns the steps of a pointer, outermost first; undefined if the text is not a pointer. */
export function parsePointer(text: string): readonly string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined;
  // RFC 6901 §4: `~1` is decoded first, so that `~01` becomes `~1` and not a slash.
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const INDEX = /^(?:0|[1-9]\d*)$/;

/** Returns the value to which a pointer leads; undefined if the document does not have it. */
export const valueAtPointer = (document: unknown, pointer: string): unknown =>
  followSteps(document, parsePointer(pointer) ?? []);

/** Returns the value at the end of the steps; undefined if the document does not have the value. */
export function followSteps(document: unknown, steps: readonly string[]): unknown {
  let value = document;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined;
    if (Array.isArray(value) && !INDEX.test(step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}
