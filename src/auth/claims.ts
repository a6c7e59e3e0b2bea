/**
 * Makes a principal from the claims of a verified token, and refuses tokens. A claim that cannot be
 * read is a broken token, never a default. A stranger whose token is refused reads one of a few
 * fixed sentences; the log says which claim was expected to be what, and what it was. A stranger
 * may choose what the log shows.
 */

import { Failure, type FailureLog } from '../failure.ts';
import { ACCOUNT_MAX_CHARS, isAtMost, SUBJECT_MAX_CHARS, UUID } from '../limits.ts';
import { valueAt } from '../pointer.ts';
import type { AccountId, Principal } from '../principal.ts';
import type { ClaimSetting, Settings } from '../settings.ts';

export type Claims = { readonly [claim: string]: unknown };

/** @throws {Failure} `invalid_token` or `insufficient_scope`. */
export function principalOf(
  payload: Claims,
  { account, subject, run, clients, requiredScope }: Settings,
  keyId: string | undefined,
): Principal {
  // jose takes any number for exp, and JSON can spell infinity (1e400): a token without an end.
  if (!Number.isFinite(payload['exp']))
    throw claimRefused('exp', 'a finite number', payload['exp']);
  refuseOtherTokens(payload);
  if (clients) refuseOtherClients(payload, clients);
  const principal = {
    account: nonEmptyString(
      account,
      accountIn(valueAt(payload, account.steps)),
      ACCOUNT_MAX_CHARS,
    ) as AccountId,
    subject: nonEmptyString(subject, valueAt(payload, subject.steps), SUBJECT_MAX_CHARS),
    evaluator: uuidOrAbsent('evaluator_id', payload['evaluator_id']),
    run: uuidOrAbsent(run.name, valueAt(payload, run.steps)),
    evaluation: uuidOrAbsent('evaluation_id', payload['evaluation_id']),
    keyId,
  };
  if (requiredScope !== undefined && !scopesOf(payload).includes(requiredScope)) {
    throw new Failure('insufficient_scope', `The token lacks the scope ${requiredScope}.`, {
      scope: requiredScope,
    });
  }
  return principal;
}

/**
 * An ID token tells a client who signed in, and a refresh token is for the issuer alone: neither gives access, though the
 * same key may sign them. OpenID Connect Core §2 for `nonce` and `at_hash`, Cognito for `token_use`, Keycloak for `typ`.
 */
function refuseOtherTokens(payload: Claims): void {
  const refuse = (claim: string, expected: string) => {
    const log = { claim, expected, actual: shown(payload[claim]) };
    return invalidToken('The token is an ID or refresh token: send an access token.', 'claim', log);
  };
  if (Object.hasOwn(payload, 'token_use') && payload['token_use'] !== 'access')
    throw refuse('token_use', 'access');
  const { typ } = payload;
  if (typeof typ === 'string' && /^(?:id|refresh|offline)$/i.test(typ))
    throw refuse('typ', 'that of an access token');
  for (const claim of ['nonce', 'at_hash'])
    if (Object.hasOwn(payload, claim)) throw refuse(claim, 'absent');
}

function refuseOtherClients(
  payload: Claims,
  { claim, accepted }: NonNullable<Settings['clients']>,
): void {
  const client = valueAt(payload, claim.steps);
  if (typeof client === 'string' && accepted.includes(client)) return;
  const log = { claim: claim.name, expected: accepted.join(' '), actual: shown(client) };
  throw invalidToken(
    client === undefined
      ? `The token lacks the claim ${claim.name}.`
      : 'The token comes from another client.',
    'claim',
    log,
  );
}

/**
 * What stands for the account in its claim. Keycloak's `organization` has the account as its one key, over an object:
 * over anything else a single key is some other claim, and its name would be the account of everybody.
 */
function accountIn(value: unknown): unknown {
  // An unsafe integer may stand for several.
  if (Number.isSafeInteger(value)) return String(value);
  if (!isObject(value)) return value;
  const [first, second] = Object.entries(value);
  return first && !second && isObject(first[1]) ? first[0] : value;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function nonEmptyString({ name }: ClaimSetting, value: unknown, maxChars: number): string {
  // Half of a surrogate pair would be another character in the database, and so perhaps another's name.
  const isNonEmpty = typeof value === 'string' && value.trim() !== '' && value.isWellFormed();
  if (!isNonEmpty) throw claimRefused(name, 'a non-empty string', value);
  if (!isAtMost(value, maxChars))
    throw claimRefused(name, `at most ${maxChars} characters long`, value);
  return value;
}

/** A restriction that cannot be read is a broken token, never an unrestricted one. */
function uuidOrAbsent(claim: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !UUID.test(value)) throw claimRefused(claim, 'a UUID', value);
  return value.toLowerCase();
}

/**
 * RFC 8693 §4.2: `scope` is one space-separated string. Some issuers send `scp` instead, Auth0 with RBAC `permissions`,
 * Entra for an application `roles`, as that or as a list.
 */
const scopesOf = ({ scope, scp, permissions, roles }: Claims): unknown[] =>
  [scope, scp, permissions, roles].flatMap((scopes) =>
    typeof scopes === 'string' ? scopes.split(' ') : scopes,
  );

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
