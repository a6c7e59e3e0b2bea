/**
 * Reads the value from a sender's body. The sender decides the shape of the body, so the link
 * contains a pointer or a path to the value. The link's `values` may translate the value in the
 * body to a number, such as `approved` to 1.
 */
import { type Failure, unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import type { Link, Values } from './key.ts';

/** An error message quotes at most this many code points of a text from the body. */
const SHOWN_MAX_CHARS = 64;

/** Matches a text that is a JSON number (RFC 8259 §6) and nothing else. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Reads what the body contains at the pointer or path, and converts it to a number. If `values`
 * maps the found text, number or boolean to a number, returns that number. Otherwise returns a
 * number as it is, a text such as `"0.82"` as a number, 1 for true, and 0 for false.
 * @throws {Failure} `unprocessable`. The sentence tells what was found and what is accepted.
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
 * Returns the number to which `values` maps the found text, number or boolean; otherwise undefined.
 * The keys of `values` are texts, so a number or a boolean is compared by its JSON text: 1.0 as
 * `1`, and true as `true`.
 */
function mapValue(found: unknown, values: Values): number | undefined {
  const key = typeof found === 'string' ? found : JSON.stringify(readScalar(found));
  return key !== undefined && Object.hasOwn(values, key) ? values[key] : undefined;
}

/**
 * Returns a boolean or a finite number as it is; otherwise undefined. JSON.parse reads 1e400 as
 * Infinity. JSON.stringify would turn Infinity into `null`, which may be a key of `values`.
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

/** Describes what was found, for an error message. */
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
 * Returns the first SHOWN_MAX_CHARS code points of a text. The function cuts the text before it
 * counts, so a long text costs no more than a short text.
 */
function shorten(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_MAX_CHARS + 2)];
  return characters.length <= SHOWN_MAX_CHARS
    ? text
    : `${characters.slice(0, SHOWN_MAX_CHARS).join('')}…`;
}
