/** The value in a body whose shape its sender decides: what the link's pointer finds, read as a number. */
import { type Failure, unprocessable } from '../failure.ts';
import { parsePointer, valueAt } from '../pointer.ts';
import type { Link, Values } from './key.ts';

/** How much of what was found a sentence shows. */
const SHOWN_MAX_CHARS = 64;

/** @throws {Failure} `unprocessable`, saying what was found and what would do. */
export function valueIn(
  body: unknown,
  { pointer, values }: Pick<Link, 'pointer' | 'values'>,
): number {
  const found = valueAt(body, parsePointer(pointer) ?? []);
  if (typeof found === 'boolean') return found ? 1 : 0;
  if (typeof found === 'number' && Number.isFinite(found)) return found;
  const value =
    typeof found === 'string' && Object.hasOwn(values, found) ? values[found] : undefined;
  if (value === undefined) throw noValue(found, pointer, values);
  return value;
}

function noValue(found: unknown, pointer: string, values: Values): Failure {
  const texts = Object.keys(values).map((text) => JSON.stringify(shortened(text)));
  const place = pointer === '' ? 'The body' : `What ${pointer} finds in the body`;
  const wanted = ['a number, true or false', ...texts].join(', or ');
  return unprocessable(`${place} is ${kindOf(found)}: it must be ${wanted}.`);
}

function kindOf(found: unknown): string {
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
