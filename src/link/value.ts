/**
 * Reads the value from a body whose shape the sender decides. The link's pointer says where the
 * value is, and the link's `values` say what a text stands for.
 */
import { type Failure, unprocessable } from '../failure.ts';
import { parsePointer, valueAt } from '../pointer.ts';
import type { Link, Values } from './key.ts';

/** A sentence shows at most this many code points of a text. */
const SHOWN_MAX_CHARS = 64;

/**
 * Reads the value: a number, true (1), false (0), or a text that `values` has.
 * @throws {Failure} `unprocessable`: the sentence says what was found and what is accepted.
 */
export function readValue(
  body: unknown,
  { pointer, values }: Pick<Link, 'pointer' | 'values'>,
): number {
  const found = valueAt(body, parsePointer(pointer) ?? []);
  if (typeof found === 'boolean') return found ? 1 : 0;
  if (typeof found === 'number' && Number.isFinite(found)) return found;
  const value =
    typeof found === 'string' && Object.hasOwn(values, found) ? values[found] : undefined;
  if (value === undefined) throw valueNotFound(found, pointer, values);
  return value;
}

function valueNotFound(found: unknown, pointer: string, values: Values): Failure {
  const texts = Object.keys(values).map((text) => JSON.stringify(shortened(text)));
  const place = pointer === '' ? 'The body' : `What ${pointer} finds in the body`;
  const wanted = ['a number, true or false', ...texts].join(', or ');
  return unprocessable(`${place} is ${describeFound(found)}: it must be ${wanted}.`);
}

function describeFound(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'string') return `the text ${JSON.stringify(shortened(found))}`;
  if (typeof found === 'number') return 'a number beyond a double';
  if (found === null) return 'null';
  return Array.isArray(found) ? 'an array' : 'an object';
}

const shortened = (text: string) => {
  const characters = [...text];
  return characters.length <= SHOWN_MAX_CHARS
    ? text
    : `${characters.slice(0, SHOWN_MAX_CHARS).join('')}…`;
};
