/**
 * Makes a principal from the claims of a verified token, and refuses tokens. A claim that this file
 * cannot read makes the token invalid: no claim has a default. The caller of a refused token reads
 * one of a few fixed sentences. The log has the claim, its expected value and its actual value. A
 * stranger may have chosen the actual value.
 */

import { escapeForLog, Failure, type FailureLog } from '../failure.ts';
import { ACCOUNT_MAX_CHARS, isAtMost, SUBJECT_MAX_CHARS, UUID } from '../limits.ts';
import { followSteps } from '../pointer.ts';
import type { AccountId, Principal } from '../principal.ts';
import type { ClaimSetting, Settings } from '../settings.ts';

export type Claims = { readonly [claim: string]: unknown };

/**
 * Makes the principal of a token whose signature and times are verified. `headerTyp` is the `typ`
 * of the token's header.
 * @throws {Failure} `invalid_token` or `insufficient_scope`.
 */
export function readPrincipal(
  payload: Claims,
  headerTyp: unknown,
  { account, subject, run, clients, requiredScope }: Settings,
  keyId: string | undefined,
): Principal {
  // jose accepts any number as exp, and JSON can spell infinity (1e400): such a token would never
  // expire.
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
 * Refuses ID tokens and refresh tokens, which the issuer may sign with the same key. An ID token
 * tells a client who signed in, and a refresh token is for the issuer only. Cognito marks both
 * kinds with `token_use`, and Keycloak marks them with `typ`. OpenID Connect Core §2 puts `nonce`
 * and `at_hash` into ID tokens, but these two claims are only a hint. Keycloak before 24 copies the
 * nonce of the login into access tokens, and other issuers send empty strings. So a token may have
 * both claims if its type is that of an access token. The issuer signs the type too, and gives no
 * ID token that type.
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
 * Reads the account from its claim. Keycloak's `organization` is an object whose one key is the
 * account, and the key's value is an object. If the single key has another value, the setting names
 * the wrong claim: the key would become the account of every caller.
 */
function readAccount(value: unknown): unknown {
  // Several numbers in JSON may parse to the same unsafe integer.
  if (Number.isSafeInteger(value)) return String(value);
  if (!isObject(value)) return value;
  const [first, second] = Object.entries(value);
  return first && !second && isObject(first[1]) ? first[0] : value;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function requireText({ name }: ClaimSetting, value: unknown, maxChars: number): string {
  // The database would store half of a surrogate pair as another character, and so perhaps as
  // another account.
  const isNonEmpty = typeof value === 'string' && value.trim() !== '' && value.isWellFormed();
  if (!isNonEmpty) throw claimRefused(name, 'a non-empty string', value);
  if (!isAtMost(value, maxChars))
    throw claimRefused(name, `at most ${maxChars} characters long`, value);
  return value;
}

/** Reads a UUID claim. A restriction that cannot be read must never make an unrestricted token. */
function readOptionalUuid(claim: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !UUID.test(value)) throw claimRefused(claim, 'a UUID', value);
  return value.toLowerCase();
}

/**
 * Returns the scopes of a token. `scope` is one string with spaces (RFC 8693 §4.2). Some issuers
 * send `scp` instead, Auth0 with RBAC sends `permissions`, and Entra sends `roles` for an
 * application. Each claim may be a string with spaces or a list.
 */
const readScopes = ({ scope, scp, permissions, roles }: Claims): unknown[] =>
  [scope, scp, permissions, roles].flatMap((scopes) =>
    typeof scopes === 'string' ? scopes.split(' ') : scopes,
  );

/** The log shows at most this much of a claim, because a stranger chooses it. */
const SHOWN_MAX_CHARS = 200;
const SHOWN_MAX_ITEMS = 8;

/** Makes the failure `invalid_token`. `code` is for the log only. */
export const invalidToken = (sentence: string, code: string, log: FailureLog = {}) =>
  new Failure('invalid_token', sentence, {}, { code, ...log });

/**
 * Makes the failure `invalid_token` for a claim of the wrong kind. The log has the kind of the
 * value, not the value.
 */
const claimRefused = (claim: string, expected: string, value: unknown) =>
  invalidToken(`The token's claim ${claim} must be ${expected}.`, 'claim', {
    claim,
    expected,
    actual: describeKind(value),
  });

/**
 * Refuses a `typ` that is neither `JWT` nor `at+jwt`, with or without `application/`, in any case.
 * A logout token, for example, is not an access token even if everything else is right (RFC 8725
 * §3.11).
 * @throws {Failure} `invalid_token`.
 */
export function refuseOtherTypes(typ: unknown): void {
  const kind = readMediaType(typ);
  if (typ !== undefined && kind !== 'jwt' && kind !== 'at+jwt')
    throw invalidToken('The token is a JWT of another kind (typ).', 'typ');
}

/** Returns the media type in a header's `typ`, without the prefix that RFC 7515 §4.1.9 omits. */
const readMediaType = (typ: unknown) => toLowerCase(typ)?.replace(/^application\//, '');

const toLowerCase = (value: unknown) =>
  typeof value === 'string' ? value.toLowerCase() : undefined;

/**
 * Returns a claim's value for the log, as at most 200 characters of printable ASCII. Shows a text,
 * or the first eight items of a list. If a value is not a text, shows only its kind.
 */
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
