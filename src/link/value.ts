/**
 * Reads the value from a body whose shape the sender decides. The link's pointer or path leads to a
 * scalar in the body, and the link's `values` may map the scalar to a value.
 */
import { type Failure, unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import type { Link, Values } from './key.ts';

/** A sentence shows at most this many code points of a text. */
const SHOWN_MAX_CHARS = 64;

/** Matches a number as JSON writes it (RFC 8259 §6), and nothing around it. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Reads the value. If `values` maps the scalar that was found, returns the mapped value. Otherwise
 * returns a number as it is, the number that a text spells as JSON does, 1 for true, and 0 for
 * false.
 * @throws {Failure} `unprocessable`. The sentence names what was found and what is accepted.
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

/**
 * Returns the one value that the path finds.
 * @throws {Failure} `unprocessable` if the path finds another number of values.
 */
async function findOne(body: unknown, path: string): Promise<unknown> {
  // Only requests that need the library load it.
  const { findByPath } = await import('./path.ts');
  const found = findByPath(body, path);
  if (found.length === 1) return found[0];
  throw unprocessable(
    `What ${path} finds in the body is ${found.length} values: it must be exactly one.`,
  );
}

/** Returns the entry in `values` for a text, or for the JSON text of a number or a boolean. */
function mapValue(found: unknown, values: Values): number | undefined {
  const key = typeof found === 'string' ? found : JSON.stringify(readScalar(found));
  return key !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
}

/**
 * Returns a boolean or a finite number; otherwise undefined. JSON.parse reads 1e400 as Infinity,
 * which is not finite.
 */
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

/**
 * Describes what was found, for the sentence of a refusal. Shows at most SHOWN_MAX_CHARS of a text.
 */
export function describeFound(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'boolean') return `${found}`;
  if (typeof found === 'string') return `the text ${JSON.stringify(shorten(found))}`;
  if (typeof found === 'number')
    return Number.isFinite(found) ? `the number ${found}` : 'a number beyond a double';
  if (found === null) return 'null';
  return Array.isArray(found) ? 'an array' : 'an object';
}

/** Returns at most SHOWN_MAX_CHARS code points, in a time that does not grow with the text. */
function shorten(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_MAX_CHARS + 2)];
  return characters.length <= SHOWN_MAX_CHARS
    ? text
    : `${characters.slice(0, SHOWN_MAX_CHARS).join('')}…`;
}
