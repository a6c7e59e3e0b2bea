/**
 * Finds the value in a body that a sender posts, and converts it to a number. Each sender's body
 * has its own structure, so the link contains a pointer or a path to the value. The link may also
 * contain `values`, which translates a text to a number, such as `approved` to 1.
 */
import { type Failure, unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import type { Link, Values } from './key.ts';

/** If an error message quotes a text from the body, it quotes at most this many code points. */
const SHOWN_MAX_CHARS = 64;

/** Matches a text that is a JSON number (RFC 8259 §6) and nothing else. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Finds the value in the body at the link's pointer or path, and returns it as a number.
 * - If `values` contains the found text, number or boolean, returns the number from `values`.
 * - Otherwise returns a found number as it is, the number in a text such as `"0.82"`, 1 for true,
 *   or 0 for false.
 * @throws {Failure} `unprocessable`, with a message that tells what the body has there and what it
 * must have.
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
 * @throws {Failure} `unprocessable` if the path finds no value or several values.
 */
async function findOne(body: unknown, path: string): Promise<unknown> {
  // Only a link with a path needs json-p3, so other requests do not load it.
  const { findByPath } = await import('./path.ts');
  const found = findByPath(body, path);
  if (found.length === 1) return found[0];
  throw unprocessable(
    `What ${path} finds in the body is ${found.length} values: it must be exactly one.`,
  );
}

/**
 * Translates the found text, number or boolean by `values`. Returns undefined if `values` does not
 * contain it.
 * The keys of `values` are texts. So a number or a boolean is first converted to JSON: 1.0 matches
 * the key `1`, and true matches the key `true`.
 */
function mapValue(found: unknown, values: Values): number | undefined {
  const key = typeof found === 'string' ? found : JSON.stringify(readScalar(found));
  return key !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
}

/**
 * Returns a boolean or a finite number as it is; otherwise undefined.
 * Infinity must not pass: JSON.parse reads 1e400 as Infinity, and JSON.stringify writes Infinity as
 * `null`. If `values` had the key `null`, 1e400 would match it.
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

/** Describes the value that the body contains at the pointer or path, for an error message. */
export function describeFound(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'boolean') return `${found}`;
  if (typeof found === 'string') return `the text ${JSON.stringify(shorten(found))}`;
  if (typeof found === 'number')
    return Number.isFinite(found) ? `the number ${found}` : 'a number beyond a double';
  if (found === null) return 'null';
  return Array.isArray(found) ? 'an array' : 'an object';
}

/**
 * Shortens a text to SHOWN_MAX_CHARS code points and `…`; a shorter text stays as it is. Slices the
 * text before it counts code points, so a very long text costs little time.
 */
function shorten(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_MAX_CHARS + 2)];
  return characters.length <= SHOWN_MAX_CHARS
    ? text
    : `${characters.slice(0, SHOWN_MAX_CHARS).join('')}…`;
}
