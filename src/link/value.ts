/** Finds the value in a sender's body, and converts the value to a number. */
import { type Failure, unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import type { Link, Values } from './key.ts';

/** An error message quotes at most this many code points of a text. */
const SHOWN_MAX_CHARS = 64;

/** Matches a JSON number (RFC 8259 §6). */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Returns the value at the link's pointer or path as a number. An entry in `values` takes
 * precedence over a number in the body.
 * @throws {Failure} `unprocessable`.
 */
export async function readValue(
  body: unknown,
  { pointer, path, values }: Pick<Link, 'pointer' | 'path' | 'values'>,
): Promise<number> {
  const found = path === undefined ? valueAtPointer(body, pointer) : await findOne(body, path);
  const value = mapValue(found, values) ?? readNumber(found);
  if (value === undefined) throw valueNotFound(found, path ?? pointer, values);
  return value;
}

async function findOne(body: unknown, path: string): Promise<unknown> {
  // Only a link with a path needs json-p3.
  const { findByPath } = await import('./path.ts');
  const found = findByPath(body, path);
  if (found.length === 1) return found[0];
  throw unprocessable(
    `What ${path} finds in the body is ${found.length} values: it must be exactly one.`,
  );
}

/** Looks up a scalar in `values` by its JSON text, so 1.0 finds the key `1`. */
function mapValue(found: unknown, values: Values): number | undefined {
  const key = typeof found === 'string' ? found : JSON.stringify(readScalar(found));
  return key !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
}

/** JSON.stringify writes Infinity as `null`, so the number 1e400 would match the key `null`. */
const readScalar = (found: unknown) =>
  typeof found === 'boolean' || Number.isFinite(found) ? found : undefined;

function readNumber(found: unknown): number | undefined {
  const isNumber = typeof found !== 'string' || JSON_NUMBER.test(found);
  const number = isNumber && typeof found !== 'object' ? Number(found) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function valueNotFound(found: unknown, where: string, values: Values): Failure {
  const texts = Object.keys(values).map((text) => JSON.stringify(shorten(text)));
  const place = where === '' ? 'The body' : `What ${where} finds in the body`;
  const wanted = ['a number, true or false', ...texts].join(', or ');
  return unprocessable(`${place} is ${describeFound(found)}: it must be ${wanted}.`);
}

/** Describes a value in a sender's body for an error message. */
export function describeFound(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'boolean') return `${found}`;
  if (typeof found === 'string') return `the text ${JSON.stringify(shorten(found))}`;
  if (typeof found === 'number')
    return Number.isFinite(found) ? `the number ${found}` : 'a number beyond a double';
  if (found === null) return 'null';
  return Array.isArray(found) ? 'an array' : 'an object';
}

/** Slices the text before counting code points, so that a very long text costs little time. */
function shorten(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_MAX_CHARS + 2)];
  return characters.length <= SHOWN_MAX_CHARS
    ? text
    : `${characters.slice(0, SHOWN_MAX_CHARS).join('')}…`;
}
