/**
 * Bearer authentication of same-promises: jose's jwtVerify with its key imported once, and around
 * it by hand what this Worker promises of a token. No token cache: nothing promises one.
 */
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { importKey, type Settings } from './by-hand.ts';

export type Caller = {
  readonly account: string;
  readonly subject: string;
  readonly keyId: string | undefined;
  readonly run: string | undefined;
  readonly evaluation: string | undefined;
};

/** A refusal is returned: an Error would collect a stack trace that nobody reads. */
export class Refusal {
  readonly status: number;
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly log: object;

  constructor(
    status: number,
    error: string,
    log: object,
    headers: Readonly<Record<string, string>> = {},
  ) {
    this.status = status;
    this.error = error;
    this.headers = headers;
    this.log = log;
  }
}

const TOKEN_MAX_CHARS = 16 * 1024;
const PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
const COMPACT_JWS = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';

const refuseToken = (sentence: string, code: string, keyId?: unknown) =>
  new Refusal(
    401,
    sentence,
    { refusal: 'invalid_token', code, key_id: keyId },
    { 'www-authenticate': `Bearer error="invalid_token", error_description="${sentence}"` },
  );

let key: CryptoKey | undefined;

export async function authenticate(
  request: Request,
  settings: Settings,
): Promise<Caller | Refusal> {
  const header = request.headers.get('authorization') ?? '';
  const isBearer = /^bearer(?: |$)/i.test(header.slice(0, 7));
  if (!isBearer) {
    const log = { refusal: 'no_credentials' };
    return new Refusal(401, 'Send the header Authorization: Bearer <JWT>.', log, {
      'www-authenticate': 'Bearer',
    });
  }
  const token = header.slice(7);
  if (token.length > TOKEN_MAX_CHARS || !COMPACT_JWS.test(token))
    return refuseToken(NOT_A_JWT, 'malformed');
  key ??= await importKey(settings);
  const options: JWTVerifyOptions = {
    algorithms: [settings.JWT_ALG],
    clockTolerance: 5,
    requiredClaims: ['exp'],
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
  };
  try {
    const { payload, protectedHeader } = await jwtVerify(token, key, options);
    const typ = protectedHeader.typ?.toLowerCase().replace(/^application\//, '') ?? 'jwt';
    if (typ !== 'jwt' && typ !== 'at+jwt')
      return refuseToken('The token is a JWT of another kind (typ).', 'typ');
    return callerOf(payload, typ, protectedHeader.kid?.slice(0, 128));
  } catch (thrown) {
    if (!(thrown instanceof errors.JOSEError)) throw thrown;
    return refuseToken(sentenceOf(thrown), thrown.code, keyIdOf(token));
  }
}

function callerOf(payload: JWTPayload, kind: string, keyId: string | undefined): Caller | Refusal {
  const { sub, account_id, run_id, evaluation_id, nonce, at_hash, token_use, typ } = payload;
  const type = typeof typ === 'string' ? typ.toLowerCase() : '';
  const isAccess = type === 'bearer' || kind === 'at+jwt';
  const isOther =
    (token_use !== undefined && token_use !== 'access') ||
    ['id', 'refresh', 'offline'].includes(type) ||
    (!isAccess && [nonce, at_hash].some((claim) => claim !== undefined && claim !== ''));
  if (isOther)
    return refuseToken('The token is an ID or refresh token: send an access token.', 'claim');
  if (!Number.isFinite(payload.exp))
    return refuseToken("The token's claim exp must be a finite number.", 'claim');
  if (!isName(account_id))
    return refuseToken("The token's claim account_id must be a non-empty string.", 'claim');
  if (!isName(sub))
    return refuseToken("The token's claim sub must be a non-empty string.", 'claim');
  if (!isIdOrAbsent(run_id) || !isIdOrAbsent(evaluation_id))
    return refuseToken("The token's claim run_id must be a UUID.", 'claim');
  const restriction = { run: run_id?.toLowerCase(), evaluation: evaluation_id?.toLowerCase() };
  return { account: account_id, subject: sub, keyId, ...restriction };
}

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && value.isWellFormed() && value.length <= 255;

const isIdOrAbsent = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && UUID.test(value));

function sentenceOf(thrown: errors.JOSEError): string {
  if (thrown instanceof errors.JWTExpired) return 'The token has expired.';
  if (thrown instanceof errors.JWSSignatureVerificationFailed)
    return "The token's signature does not verify.";
  if (thrown instanceof errors.JOSEAlgNotAllowed)
    return "The token's algorithm is not accepted here.";
  if (!(thrown instanceof errors.JWTClaimValidationFailed)) return NOT_A_JWT;
  if (thrown.claim === 'nbf') return 'The token is not valid yet.';
  return thrown.claim === 'iss'
    ? 'The token comes from another issuer.'
    : 'The token is meant for another audience.';
}

function keyIdOf(token: string): unknown {
  try {
    return decodeProtectedHeader(token).kid?.slice(0, 128);
  } catch {
    return undefined;
  }
}
