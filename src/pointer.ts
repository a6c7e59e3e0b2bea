/**
 * Finds a value in a JSON document by a JSON Pointer (RFC 6901): `/o/id` leads to `1` in
 * `{"o": {"id": 1}}`. Strangers may choose the pointer and the document. So this file works in
 * linear time, and never reads a property that an object inherits, such as `constructor`.
 */

/**
 * Returns the steps of a pointer: `["o", "id"]` for `/o/id`. Returns undefined if the text is not a
 * pointer.
 */
export function parsePointer(text: string): readonly string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined;
  // A pointer writes `/` as `~1`, and `~` as `~0`. RFC 6901 §4: decode `~1` before `~0`. If `~0` were
  // decoded first, `~01` would become `~1` and then a slash. The right result is `~1`.
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
