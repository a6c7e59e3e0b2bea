/**
 * Makes the principal (who the caller is) from the claims of a verified token. If a required claim
 * is missing or any claim is malformed, this file refuses the token: no claim has a default.
 *
 * If this file refuses a token, the caller reads one of a few fixed sentences. The log shows the
 * claim's name, the expected value, and the actual value or its kind (such as `a string`). Actual
 * values are shortened and escaped, because a stranger may have chosen them.
 */

import { escapeForLog, Failure, type FailureLog } from '../failure.ts';
import { ACCOUNT_MAX_CHARS, isAtMost, SUBJECT_MAX_CHARS, UUID } from '../limits.ts';
import { followSteps } from '../pointer.ts';
import type { AccountId, Principal } from '../principal.ts';
import type { ClaimSetting, Settings } from '../settings.ts';

export type Claims = { readonly [claim: string]: unknown };

/**
 * Makes the principal (who the caller is) of a token. The signature, `exp` and `nbf` of the token
 * must already be verified. `headerTyp` is the `typ` in the token's header. `keyId` is the `kid` in
 * the header, escaped for the log.
 * @throws {Failure} `invalid_token` or `insufficient_scope`.
 */
export function readPrincipal(
  payload: Claims,
  headerTyp: unknown,
  { account, subject, run, clients, requiredScope }: Settings,
  keyId: string | undefined,
): Principal {
  // jose accepts any number as exp, and JSON.parse turns 1e400 into Infinity. Such a token would
  // never expire.
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
 * Refuses ID tokens and refresh tokens. An ID token tells a client who signed in. With a refresh
 * token, a client gets new tokens from the issuer. The issuer may sign both with the key that signs
 * access tokens, so a valid signature does not show the difference.
 * - Cognito writes the kind of token into the claim `token_use`, and Keycloak into the claim `typ`.
 * - A token with the claim `nonce` or `at_hash` is probably an ID token (OpenID Connect Core §2).
 *   An empty string does not count, because some issuers put empty strings into access tokens.
 * - If the claim `typ` is `Bearer` or the header's `typ` is `at+jwt`, the token is an access token.
 *   Then this function ignores `nonce` and `at_hash`. Keycloak before 24, for example, copies the
 *   nonce of the login into access tokens.
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
 * Reads the account from its claim, which may be a string, an integer or an object with one key.
 * Keycloak's claim `organization` is such an object: `{"acme": {}}` names the account `acme`.
 *
 * The value of the key must be an object, like the `{}` in this example. Suppose that the setting
 * names a wrong claim, which is `{"name": "acme"}` in every token. If this function accepted that
 * claim, all callers would share the account `name`.
 */
function readAccount(value: unknown): unknown {
  // JSON.parse turns several different integers above 2^53 - 1 into the same number. This function
  // does not turn such a number into a string. So requireText refuses it, because requireText
  // accepts only strings.
  if (Number.isSafeInteger(value)) return String(value);
  if (!isObject(value)) return value;
  const [first, second] = Object.entries(value);
  return first && !second && isObject(first[1]) ? first[0] : value;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function requireText({ name }: ClaimSetting, value: unknown, maxChars: number): string {
  // `isWellFormed` is false if the string contains a lone surrogate (half of a UTF-16 pair). The
  // database would replace the surrogate with another character. The result could be the name of
  // another account or author.
  const isNonEmpty = typeof value === 'string' && value.trim() !== '' && value.isWellFormed();
  if (!isNonEmpty) throw claimRefused(name, 'a non-empty string', value);
  if (!isAtMost(value, maxChars))
    throw claimRefused(name, `at most ${maxChars} characters long`, value);
  return value;
}

/**
 * Reads a UUID claim, in lower case. A malformed claim makes the token invalid. For example,
 * `run_id` restricts a token to one run. If this function ignored a malformed `run_id`, the token
 * would work for every run.
 */
function readOptionalUuid(claim: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !UUID.test(value)) throw claimRefused(claim, 'a UUID', value);
  return value.toLowerCase();
}

/**
 * Returns the scopes of a token. The standard claim is `scope` (RFC 8693 §4.2). Some issuers send
 * `scp` instead, Auth0 with RBAC sends `permissions`, and Entra sends `roles` for an application.
 * Each of these four claims may be a list, or one string with spaces between the scopes.
 */
const readScopes = ({ scope, scp, permissions, roles }: Claims): unknown[] =>
  [scope, scp, permissions, roles].flatMap((scopes) =>
    typeof scopes === 'string' ? scopes.split(' ') : scopes,
  );

/**
 * The log shows at most this many characters of a claim, and at most this many items of a list,
 * because a stranger may have chosen the claim.
 */
const SHOWN_MAX_CHARS = 200;
const SHOWN_MAX_ITEMS = 8;

/** Makes the failure `invalid_token`. The caller reads `sentence`; `code` and `log` are logged. */
export const invalidToken = (sentence: string, code: string, log: FailureLog = {}) =>
  new Failure('invalid_token', sentence, {}, { code, ...log });

/**
 * Makes the failure `invalid_token` for a claim with a wrong value. The log shows the kind of the
 * value, such as `a string`, not the value.
 */
const claimRefused = (claim: string, expected: string, value: unknown) =>
  invalidToken(`The token's claim ${claim} must be ${expected}.`, 'claim', {
    claim,
    expected,
    actual: describeKind(value),
  });

/**
 * Accepts a token whose header has no `typ`, or the `typ` `JWT` or `at+jwt`. `JWT`, `jwt` and
 * `application/jwt` count the same. Refuses a token with any other `typ`. A logout token, for
 * example, is not an access token, even if its signature and claims are valid (RFC 8725 §3.11).
 * @throws {Failure} `invalid_token`.
 */
export function refuseOtherTypes(typ: unknown): void {
  const kind = readMediaType(typ);
  if (typ !== undefined && kind !== 'jwt' && kind !== 'at+jwt')
    throw invalidToken('The token is a JWT of another kind (typ).', 'typ');
}

/**
 * Returns a header's `typ` in lower case. Leaves out the prefix `application/`, because the issuer
 * may leave it out too (RFC 7515 §4.1.9).
 */
const readMediaType = (typ: unknown) => toLowerCase(typ)?.replace(/^application\//, '');

const toLowerCase = (value: unknown) =>
  typeof value === 'string' ? value.toLowerCase() : undefined;

/**
 * Returns a claim's value for the log, as at most 200 characters of printable ASCII. Shows the text
 * of a string. Shows the first eight items of a list. Shows only the kind of any other value, such
 * as `a number`.
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
