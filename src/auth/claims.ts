/**
 * From the claims of a verified token to a principal. A claim that cannot be read as what it must be is a broken
 * token, never a default.
 */
import { Failure } from '../failure.ts';
import { ACCOUNT_MAX_CHARS, isAtMost, SUBJECT_MAX_CHARS } from '../limits.ts';
import type { AccountId, Principal } from '../principal.ts';
import type { Settings } from '../settings.ts';
import { UUID } from '../uuid.ts';

export type Claims = { readonly [claim: string]: unknown };

/** @throws {Failure} `invalid_token` or `insufficient_scope`. */
export function principalOf(
  payload: Claims,
  { accountClaim, requiredScope }: Settings,
  keyId: string | undefined,
): Principal {
  // jose takes any number for exp, and JSON can spell infinity (1e400): a token without an end.
  if (!Number.isFinite(payload['exp'])) throw claimRefused('exp', 'a finite number');
  const principal = {
    account: nonEmptyString(payload, accountClaim, ACCOUNT_MAX_CHARS) as AccountId,
    subject: nonEmptyString(payload, 'sub', SUBJECT_MAX_CHARS),
    evaluator: uuidOrAbsent(payload, 'evaluator_id'),
    run: uuidOrAbsent(payload, 'run_id'),
    evaluation: uuidOrAbsent(payload, 'evaluation_id'),
    keyId,
  };
  if (requiredScope !== undefined && !scopesOf(payload).includes(requiredScope)) {
    throw new Failure('insufficient_scope', `The token lacks the scope ${requiredScope}.`, { scope: requiredScope });
  }
  return principal;
}

function nonEmptyString(payload: Claims, claim: string, maxChars: number): string {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  // Half of a surrogate pair would be another character in the database, and so perhaps another's name.
  const isNonEmpty = typeof value === 'string' && value.trim() !== '' && value.isWellFormed();
  if (!isNonEmpty) throw claimRefused(claim, 'a non-empty string');
  if (!isAtMost(value, maxChars)) throw claimRefused(claim, `at most ${maxChars} characters long`);
  return value;
}

/** A restriction that cannot be read is a broken token, never an unrestricted one. */
function uuidOrAbsent(payload: Claims, claim: string): string | undefined {
  if (!Object.hasOwn(payload, claim)) return undefined;
  const value = payload[claim];
  if (typeof value !== 'string' || !UUID.test(value)) throw claimRefused(claim, 'a UUID');
  return value.toLowerCase();
}

/** RFC 8693 §4.2: `scope` is one space-separated string; `scp` is what some issuers send instead, as that or as a list. */
const scopesOf = ({ scope, scp }: Claims): unknown[] =>
  [scope, scp].flatMap((scopes) =>
    typeof scopes === 'string' ? scopes.split(' ') : Array.isArray(scopes) ? scopes : [],
  );

/** `sentence` is one of a few fixed ones, safe to show to a stranger; `code` is for the log. */
export const invalidToken = (sentence: string, code: string, keyId?: string) =>
  new Failure('invalid_token', sentence, {}, { code, key_id: keyId });

const claimRefused = (claim: string, wanted: string) =>
  invalidToken(`The token's claim ${claim} must be ${wanted}.`, 'claim');
