/**
 * Verifies bearer tokens with jose. For each valid token, returns the principal (who the caller
 * is). If the verifier refuses a token, the caller reads one of a few fixed sentences, and jose's
 * error code goes to the log.
 *
 * Each isolate caches the tokens that it has verified. Callers send the same token many times, and
 * verifying a signature is the most expensive step of a request. Only verified tokens are cached,
 * so a stranger cannot fill the cache. If a token is in the cache, each request still checks that
 * the token has not expired, and that its key is still in the issuer's key set.
 */
import {
  type CompactJWSHeaderParameters,
  decodeProtectedHeader,
  errors,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import type { Clock } from '../clock.ts';
import {
  escapeForLog,
  Failure,
  type FailureLog,
  LOGGED_ID_MAX_CHARS,
  misconfigured,
} from '../failure.ts';
import type { Principal } from '../principal.ts';
import type { KeySource, Settings } from '../settings.ts';
import { invalidToken, readPrincipal, refuseOtherTypes, toPrintable } from './claims.ts';
import { findKeys, JWKS_ALGORITHMS, JwksError, readConfiguredJwks } from './jwks.ts';
import { createRemoteJwks, type FindKeys } from './remote-jwks.ts';
import { createTokenCache } from './token-cache.ts';

/** How far the issuer's clock and ours may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;

/**
 * The caller reads this sentence if the token is not a compact JWS, or if its header or payload is
 * malformed.
 */
const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';

/**
 * Matches one of the three parts of a token: non-empty base64url. jose's decoder also accepts
 * padding, white space, and a last character with unused bits that are not 0 (RFC 4648 §3.5). So a
 * caller could write one token in many ways, and each way would fill another entry of the token
 * cache. This pattern allows only one way.
 */
const BASE64URL_PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
/** Matches the form of a compact JWS (RFC 7515 §7.1): three parts, separated by dots. */
const COMPACT_JWS = new RegExp(`^${BASE64URL_PART}\\.${BASE64URL_PART}\\.${BASE64URL_PART}$`);

/**
 * Verifies a token and returns its principal (who the caller is).
 * @throws {Failure} `invalid_token`, `insufficient_scope` or `keys_unavailable`.
 */
export type VerifyToken = (token: string) => Promise<Principal>;

/**
 * Creates the function that verifies tokens. Each function that `createVerifier` returns has its
 * own token cache.
 * @throws {Failure} `misconfigured` if the key set in JWT_JWKS is wrong or has no key that can
 * verify a token.
 */
export async function createVerifier(settings: Settings, clock: Clock): Promise<VerifyToken> {
  const { keys, issuers, audiences } = settings;
  const find = await createFindKeys(keys, clock);
  const options: JWTVerifyOptions = {
    algorithms: keys.kind === 'secret' ? ['HS256'] : JWKS_ALGORITHMS,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ['exp'],
    ...(issuers.length === 0 ? {} : { issuer: [...issuers] }),
    ...(audiences.length === 0 ? {} : { audience: [...audiences] }),
  };
  const cache = createTokenCache<VerifiedToken>();

  /**
   * Finds the keys that may have signed a token with this header.
   * @throws {Failure} `invalid_token` or `keys_unavailable`.
   */
  async function findKeysFor({ alg, kid, typ }: CompactJWSHeaderParameters) {
    refuseOtherTypes(typ);
    // RFC 7515 §4.1.4 requires that a kid is a string.
    if (kid !== undefined && typeof kid !== 'string') throw invalidToken(NOT_A_JWT, 'kid');
    const found = await find(alg, kid);
    if (typeof found === 'string') throw invalidToken(KEY_NOT_FOUND[found], `key_${found}`);
    return found;
  }

  /**
   * Tries the keys that may have signed the token, until one of them verifies the signature. If
   * several keys share a key id and a forged token names that id, the Worker tries each of these
   * keys.
   */
  async function verifySignature(attempt: Attempt) {
    let untried: CryptoKey[] | undefined;
    const nextKey = async (header: CompactJWSHeaderParameters) => {
      attempt.header = header;
      untried ??= [...(await findKeysFor(header))];
      const key = untried.shift();
      if (!key) throw new Error('No key is left to try.');
      return key;
    };
    for (;;) {
      try {
        return await jwtVerify(attempt.token, nextKey, { ...options, currentDate: clock.now() });
      } catch (thrown) {
        const isOfAnotherKey = thrown instanceof errors.JWSSignatureVerificationFailed;
        if (!isOfAnotherKey || !untried?.length) throw thrown;
      }
    }
  }

  async function verifyToken(attempt: Attempt): Promise<VerifiedToken> {
    const { payload, protectedHeader, key } = await verifySignature(attempt);
    const { alg, kid, typ } = protectedHeader;
    const principal = readPrincipal(payload, typ, settings, escapeKeyId(kid));
    return { principal, alg, kid, key, notBefore: payload.nbf ?? 0, expires: payload.exp ?? 0 };
  }

  /**
   * Returns true if the time is between `nbf` and `exp`, and the key set still contains the key
   * that verified the token.
   */
  async function isStillValid({ alg, kid, key, notBefore, expires }: VerifiedToken) {
    const now = Math.floor(clock.now().getTime() / 1000);
    if (now < notBefore - CLOCK_TOLERANCE_SECONDS || now >= expires + CLOCK_TOLERANCE_SECONDS)
      return false;
    const found = await find(alg, kid);
    return typeof found !== 'string' && found.includes(key);
  }

  return async function verify(token) {
    const cached = cache.get(token);
    // A cached token has this form, because the code checks the form before it caches a token.
    if (!cached && !COMPACT_JWS.test(token)) throw new Failure('invalid_token', NOT_A_JWT);
    const attempt: Attempt = { token, header: undefined };
    try {
      // If a cached token is no longer valid, this code verifies it again like a new token. Then
      // the caller reads why, such as `The token has expired.`
      if (cached && (await isStillValid(cached))) return cached.principal;
      const verified = await verifyToken(attempt);
      cache.set(token, verified);
      return verified.principal;
    } catch (thrown) {
      if (thrown instanceof errors.JOSEError) {
        const log = { key_id: readKeyId(attempt), ...describeClaim(thrown, settings) };
        throw invalidToken(describeError(thrown), thrown.code, log);
      }
      if (thrown instanceof Failure) Object.assign(thrown.log, { key_id: readKeyId(attempt) });
      throw thrown;
    }
  };
}

async function createFindKeys(source: KeySource, clock: Clock): Promise<FindKeys> {
  switch (source.kind) {
    case 'secret': {
      // Imports the secret once. jose would import a raw secret again for each verification.
      const hmac = { name: 'HMAC', hash: 'SHA-256' };
      const key = await crypto.subtle.importKey('raw', source.secret, hmac, false, ['verify']);
      return async () => [key];
    }
    case 'inline': {
      const keys = await readConfiguredJwks(source.json).catch((thrown: unknown) => {
        // Only the message of a JwksError is safe for the log. The message of JSON.parse, for
        // example, may quote a private key.
        const fault = thrown instanceof JwksError ? thrown.message : 'is not a JSON Web Key Set';
        throw misconfigured('JWT_JWKS', fault);
      });
      return async (alg, kid) => findKeys(keys, alg, kid);
    }
    case 'remote':
      return createRemoteJwks(source, clock);
  }
}

const KEY_NOT_FOUND = {
  unknown: 'The token is signed with a key that is not known here.',
  ambiguous: 'The token names no key id, and more than one key fits it.',
};

const escapeKeyId = (kid: unknown) =>
  typeof kid === 'string' ? escapeForLog(kid, LOGGED_ID_MAX_CHARS) : undefined;

function describeError(thrown: errors.JOSEError): string {
  if (thrown instanceof errors.JWTExpired) return 'The token has expired.';
  if (thrown instanceof errors.JWTClaimValidationFailed) return describeClaimError(thrown);
  if (thrown instanceof errors.JWSSignatureVerificationFailed)
    return "The token's signature does not verify.";
  if (thrown instanceof errors.JOSEAlgNotAllowed)
    return "The token's algorithm is not accepted here.";
  return NOT_A_JWT;
}

function describeClaimError({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `The token lacks the claim ${claim}.`;
  if (reason === 'invalid') return `The token's claim ${claim} is not of the right type.`;
  if (claim === 'nbf') return 'The token is not valid yet.';
  if (claim === 'iss') return 'The token comes from another issuer.';
  return 'The token is meant for another audience.';
}

/**
 * Returns the refused claim with its expected and its actual value, for the log. Only `iss` and
 * `aud` have a setting with the expected values. For any other claim, returns an empty object.
 */
function describeClaim(thrown: errors.JOSEError, { issuers, audiences }: Settings): FailureLog {
  if (!(thrown instanceof errors.JWTClaimValidationFailed)) return {};
  const { claim, payload } = thrown;
  const expected = { iss: issuers, aud: audiences }[claim];
  return expected
    ? { claim, expected: expected.join(' '), actual: toPrintable(payload[claim]) }
    : {};
}

function readKeyId({ token, header }: Attempt): string | undefined {
  try {
    return escapeKeyId((header ?? decodeProtectedHeader(token)).kid);
  } catch {
    return undefined;
  }
}

/** A token that is being verified. `header` is undefined until jose has decoded it. */
type Attempt = { readonly token: string; header: CompactJWSHeaderParameters | undefined };

type VerifiedToken = {
  readonly principal: Principal;
  readonly alg: string;
  readonly kid: string | undefined;
  /** The key that verified the signature. */
  readonly key: CryptoKey;
  /** The claims `nbf` (0 if absent) and `exp`, in seconds since 1970. */
  readonly notBefore: number;
  readonly expires: number;
};
