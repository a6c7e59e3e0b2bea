/**
 * Refusals of a token. A stranger reads one of a few fixed sentences; the log says which claim was expected to be what and
 * what it was, so that a missing slash is found in a minute. A stranger may choose what is shown there.
 */
import { Failure, type FailureLog } from '../failure.ts';

const SHOWN_MAX_CHARS = 200;
const SHOWN_MAX_ITEMS = 8;

export const invalidToken = (sentence: string, code: string, log: FailureLog = {}) =>
  new Failure('invalid_token', sentence, {}, { code, ...log });

/** For a claim that is of the wrong kind: its value stays out of the log. */
export const claimRefused = (claim: string, expected: string, value: unknown) =>
  invalidToken(`The token's claim ${claim} must be ${expected}.`, 'claim', {
    claim,
    expected,
    actual: kindOf(value),
  });

/** RFC 8725 §3.11: a JWT of another kind, a logout token for instance, is no access token even where all else is right. */
export function refuseOtherTypes(typ: unknown): void {
  if (typ === undefined) return;
  const kind =
    typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : undefined;
  if (kind !== 'jwt' && kind !== 'at+jwt')
    throw invalidToken('The token is a JWT of another kind (typ).', 'typ');
}

/** A claim's value as printable ASCII of bounded length: texts as they are, of anything else the kind. */
export function shown(value: unknown): string {
  const items = Array.isArray(value) ? value.slice(0, SHOWN_MAX_ITEMS) : [value];
  const texts = items.map((item) =>
    typeof item === 'string' ? item.slice(0, SHOWN_MAX_CHARS) : kindOf(item),
  );
  const text = Array.isArray(value) ? `[${texts.join(', ')}]` : texts.join();
  return text
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .slice(0, SHOWN_MAX_CHARS);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (typeof value === 'string') return value.trim() === '' ? 'a blank string' : 'a string';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object'
    ? `an object of ${Object.keys(value).length}`
    : `a ${typeof value}`;
}
