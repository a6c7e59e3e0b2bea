/**
 * From a compact JWS to a principal. The only file that knows jose. What a stranger learns about a refused
 * token is one of the fixed sentences below; jose's own code goes to the log.
 */
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { Clock } from '../clock';
import { Failure } from '../failure';
import type { AccountId, Principal } from '../principal';
import type { Settings } from '../settings';

/** How far the issuer's clock may be off from ours. */
const CLOCK_TOLERANCE_SECONDS = 5;

export const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';

/** @throws {Failure} `invalid_token`. */
export type VerifyToken = (token: string) => Promise<Principal>;

export async function createVerifier(settings: Settings, clock: Clock): Promise<VerifyToken> {
  const options: JWTVerifyOptions = {
    algorithms: ['HS256'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ['exp'],
    ...(settings.issuer === undefined ? {} : { issuer: settings.issuer }),
    ...(settings.audience === undefined ? {} : { audience: settings.audience }),
  };
  // Imported here, once: jose imports a raw secret anew on each verification.
  const key = await crypto.subtle.importKey('raw', settings.secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'verify',
  ]);

  return async function verifyToken(token) {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, key, { ...options, currentDate: clock.now() });
      return principalOf(payload, settings.accountClaim, protectedHeader.kid);
    } catch (thrown) {
      if (!(thrown instanceof errors.JOSEError)) throw thrown;
      throw new Failure(
        { kind: 'invalid_token', error: sentenceOf(thrown) },
        { code: thrown.code, key_id: keyIdOf(token) },
      );
    }
  };
}

function principalOf(payload: JWTPayload, accountClaim: string, keyId: string | undefined): Principal {
  // jose takes any number for exp, and JSON can spell infinity (1e400): a token without an end.
  if (!Number.isFinite(payload.exp)) throw claimRefused('exp', 'a finite number');
  return {
    account: filledString(payload, accountClaim) as AccountId,
    subject: filledString(payload, 'sub'),
    keyId,
  };
}

function filledString(payload: JWTPayload, claim: string): string {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  if (typeof value !== 'string' || value.trim() === '') throw claimRefused(claim, 'a non-empty string');
  return value;
}

const claimRefused = (claim: string, wanted: string) =>
  new Failure({ kind: 'invalid_token', error: `The token's claim ${claim} must be ${wanted}.` }, { code: 'claim' });

function sentenceOf(thrown: errors.JOSEError): string {
  if (thrown instanceof errors.JWTExpired) return 'The token has expired.';
  if (thrown instanceof errors.JWTClaimValidationFailed) return sentenceOfClaim(thrown);
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return "The token's signature does not verify.";
  if (thrown instanceof errors.JOSEAlgNotAllowed) return "The token's algorithm is not accepted here.";
  return NOT_A_JWT;
}

function sentenceOfClaim({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `The token lacks the claim ${claim}.`;
  if (reason === 'invalid') return `The token's claim ${claim} is not of the right type.`;
  if (claim === 'nbf') return 'The token is not valid yet.';
  if (claim === 'iss') return 'The token comes from another issuer.';
  return 'The token is meant for another audience.';
}

function keyIdOf(token: string): string | undefined {
  try {
    const { kid } = decodeProtectedHeader(token);
    return typeof kid === 'string' ? kid.slice(0, 128) : undefined;
  } catch {
    return undefined;
  }
}
