/**
 * Finds a value in a JSON document by a JSON Pointer (RFC 6901). Strangers may choose both, so this
 * file works in linear time and never reads an inherited property.
 */

/**
 * Returns the steps of a pointer: `["o", "id"]` for `/o/id`. Returns undefined for any other text.
 */
export function parsePointer(text: string): readonly string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined;
  // RFC 6901 §4: decode `~1` before `~0`. Otherwise `~01` would become a slash.
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const INDEX = /^(?:0|[1-9]\d*)$/;

/** Returns the value to which a pointer leads; undefined if the document has no such value. */
export const valueAtPointer = (document: unknown, pointer: string): unknown =>
  followSteps(document, parsePointer(pointer) ?? []);

/** Returns the value to which the steps lead; undefined if the document has no such value. */
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
