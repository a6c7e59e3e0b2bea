/**
 * Makes the principal (who the caller is) from the claims of a verified token. No claim has a
 * default: a malformed or missing claim makes the token invalid.
 */

import { escapeForLog, Failure, type FailureLog } from '../failure.ts';
import { ACCOUNT_MAX_CHARS, isAtMost, SUBJECT_MAX_CHARS, UUID } from '../limits.ts';
import { followSteps } from '../pointer.ts';
import type { AccountId, Principal } from '../principal.ts';
import type { ClaimSetting, Settings } from '../settings.ts';

export type Claims = { readonly [claim: string]: unknown };

/**
 * Makes the principal of a token whose signature, `exp` and `nbf` are verified.
 * @throws {Failure} `invalid_token` or `insufficient_scope`.
 */
export function readPrincipal(
  payload: Claims,
  headerTyp: unknown,
  { account, subject, run, clients, requiredScope }: Settings,
  keyId: string | undefined,
): Principal {
  // JSON.parse turns 1e400 into Infinity. A token with this `exp` would never expire.
  if (!Number.isFinite(payload['exp']))
    throw claimRefused('exp', 'a finite number', payload['exp']);
  refuseOtherTokens(payload, headerTyp);
  if (clients) refuseOtherClients(payload, clients);
  const principal = {
    account: requireText(
      account,
      readAccount(followSteps(payload, account.steps)),
      ACCOUNT_MAX_CHARS,
    ) as AccountId,
    subject: requireText(subject, followSteps(payload, subject.steps), SUBJECT_MAX_CHARS),
    evaluator: readOptionalUuid('evaluator_id', payload['evaluator_id']),
    run: readOptionalUuid(run.name, followSteps(payload, run.steps)),
    evaluation: readOptionalUuid('evaluation_id', payload['evaluation_id']),
    link: undefined,
    keyId,
  };
  if (requiredScope !== undefined && !readScopes(payload).includes(requiredScope)) {
    throw new Failure('insufficient_scope', `The token lacks the scope ${requiredScope}.`, {
      scope: requiredScope,
    });
  }
  return principal;
}

/**
 * Refuses ID tokens and refresh tokens, which an issuer may sign with the same key as access
 * tokens. README.md in this folder lists the claims that distinguish the kinds of token.
 * @throws {Failure} `invalid_token`.
 */
function refuseOtherTokens(payload: Claims, headerTyp: unknown): void {
  const refuse = (claim: string, expected: string) => {
    const log = { claim, expected, actual: toPrintable(payload[claim]) };
    return invalidToken('The token is an ID or refresh token: send an access token.', 'claim', log);
  };
  if (Object.hasOwn(payload, 'token_use') && payload['token_use'] !== 'access')
    throw refuse('token_use', 'access');
  const typ = toLowerCase(payload['typ']);
  if (typ === 'id' || typ === 'refresh' || typ === 'offline')
    throw refuse('typ', 'that of an access token');
  if (typ === 'bearer' || readMediaType(headerTyp) === 'at+jwt') return;
  for (const claim of ['nonce', 'at_hash'])
    if (Object.hasOwn(payload, claim) && payload[claim] !== '') throw refuse(claim, 'absent');
}

function refuseOtherClients(
  payload: Claims,
  { claim, accepted }: NonNullable<Settings['clients']>,
): void {
  const client = followSteps(payload, claim.steps);
  if (typeof client === 'string' && accepted.includes(client)) return;
  const log = { claim: claim.name, expected: accepted.join(' '), actual: toPrintable(client) };
  throw invalidToken(
    client === undefined
      ? `The token lacks the claim ${claim.name}.`
      : 'The token comes from another client.',
    'claim',
    log,
  );
}

/**
 * Reads the account from a string, an integer, or an object with one key, such as Keycloak's
 * `{"acme": {}}`. Refuses `{"name": "acme"}`, which would put all callers into the account `name`.
 */
function readAccount(value: unknown): unknown {
  // JSON.parse turns several integers above 2^53 - 1 into the same number.
  if (Number.isSafeInteger(value)) return String(value);
  if (!isObject(value)) return value;
  const [first, second] = Object.entries(value);
  return first && !second && isObject(first[1]) ? first[0] : value;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function requireText({ name }: ClaimSetting, value: unknown, maxChars: number): string {
  // The database would replace half of a surrogate pair, and the result could name another account.
  const isNonEmpty = typeof value === 'string' && value.trim() !== '' && value.isWellFormed();
  if (!isNonEmpty) throw claimRefused(name, 'a non-empty string', value);
  if (!isAtMost(value, maxChars))
    throw claimRefused(name, `at most ${maxChars} characters long`, value);
  return value;
}

/**
 * Reads a UUID claim, in lower case. If this function ignored a malformed `run_id`, the token would
 * work for every run.
 */
function readOptionalUuid(claim: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !UUID.test(value)) throw claimRefused(claim, 'a UUID', value);
  return value.toLowerCase();
}

/**
 * Returns the scopes of a token: `scope` (RFC 8693 §4.2), `permissions` (Auth0), `roles` (Entra),
 * or `scp`.
 */
const readScopes = ({ scope, scp, permissions, roles }: Claims): unknown[] =>
  [scope, scp, permissions, roles].flatMap((scopes) =>
    typeof scopes === 'string' ? scopes.split(' ') : scopes,
  );

const SHOWN_MAX_CHARS = 200;
const SHOWN_MAX_ITEMS = 8;

/** Makes the failure `invalid_token`. The caller reads `sentence`; `code` and `log` are logged. */
export const invalidToken = (sentence: string, code: string, log: FailureLog = {}) =>
  new Failure('invalid_token', sentence, {}, { code, ...log });

const claimRefused = (claim: string, expected: string, value: unknown) =>
  invalidToken(`The token's claim ${claim} must be ${expected}.`, 'claim', {
    claim,
    expected,
    actual: describeKind(value),
  });

/**
 * Refuses a token whose header has a `typ` other than `JWT` or `at+jwt` (RFC 8725 §3.11).
 * @throws {Failure} `invalid_token`.
 */
export function refuseOtherTypes(typ: unknown): void {
  const kind = readMediaType(typ);
  if (typ !== undefined && kind !== 'jwt' && kind !== 'at+jwt')
    throw invalidToken('The token is a JWT of another kind (typ).', 'typ');
}

/** Returns a header's `typ` without `application/`, which is optional (RFC 7515 §4.1.9). */
const readMediaType = (typ: unknown) => toLowerCase(typ)?.replace(/^application\//, '');

const toLowerCase = (value: unknown) =>
  typeof value === 'string' ? value.toLowerCase() : undefined;

/** Returns a claim's value for the log, as at most 200 characters of printable ASCII. */
export function toPrintable(value: unknown): string {
  const items = Array.isArray(value) ? value.slice(0, SHOWN_MAX_ITEMS) : [value];
  const texts = items.map((item) =>
    typeof item === 'string' ? item.slice(0, SHOWN_MAX_CHARS) : describeKind(item),
  );
  return escapeForLog(
    Array.isArray(value) ? `[${texts.join(', ')}]` : texts.join(),
    SHOWN_MAX_CHARS,
  );
}

function describeKind(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (typeof value === 'string') return value.trim() === '' ? 'a blank string' : 'a string';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object'
    ? `an object of ${Object.keys(value).length}`
    : `a ${typeof value}`;
}
