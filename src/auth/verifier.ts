/**
 * Verifies bearer tokens with jose and returns their principals. The caller of a refused token
 * reads a fixed sentence, and the log has jose's error code.
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

const CLOCK_TOLERANCE_SECONDS = 5;

const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';

/**
 * Matches non-empty base64url in its canonical form (RFC 4648 §3.5). jose accepts other forms too.
 * With them, a caller could fill the token cache with variants of one token.
 */
const BASE64URL_PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
/** Matches a compact JWS (RFC 7515 §7.1). */
const COMPACT_JWS = new RegExp(`^${BASE64URL_PART}\\.${BASE64URL_PART}\\.${BASE64URL_PART}$`);

/**
 * Verifies a token and returns its principal (who the caller is).
 * @throws {Failure} `invalid_token`, `insufficient_scope` or `keys_unavailable`.
 */
export type VerifyToken = (token: string) => Promise<Principal>;

/**
 * Creates the function that verifies tokens, with a token cache of its own.
 * @throws {Failure} `misconfigured` if the key set in JWT_JWKS is wrong.
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

  async function findKeysFor({ alg, kid, typ }: CompactJWSHeaderParameters) {
    refuseOtherTypes(typ);
    // RFC 7515 §4.1.4 requires that a kid is a string.
    if (kid !== undefined && typeof kid !== 'string') throw invalidToken(NOT_A_JWT, 'kid');
    const found = await find(alg, kid);
    if (typeof found === 'string') throw invalidToken(KEY_NOT_FOUND[found], `key_${found}`);
    return found;
  }

  /** Tries each key that may have signed the token, because several keys may share a key id. */
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
   * Returns true if the time is between `nbf` and `exp`, and the key set still contains the key.
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
    if (!cached && !COMPACT_JWS.test(token)) throw new Failure('invalid_token', NOT_A_JWT);
    const attempt: Attempt = { token, header: undefined };
    try {
      // A cached token that is no longer valid is verified again, so the caller reads why.
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
      // jose would import a raw secret again for each verification.
      const hmac = { name: 'HMAC', hash: 'SHA-256' };
      const key = await crypto.subtle.importKey('raw', source.secret, hmac, false, ['verify']);
      return async () => [key];
    }
    case 'inline': {
      const keys = await readConfiguredJwks(source.json).catch((thrown: unknown) => {
        // Only the message of a JwksError is safe for the log: JSON.parse may quote a private key.
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

/** Returns the refused claim with its expected and its actual value, for the log. */
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

type Attempt = { readonly token: string; header: CompactJWSHeaderParameters | undefined };

type VerifiedToken = {
  readonly principal: Principal;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly key: CryptoKey;
  /** The claims `nbf` (0 if absent) and `exp`, in seconds since 1970. */
  readonly notBefore: number;
  readonly expires: number;
};
