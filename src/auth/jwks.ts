/**
 * Reads JSON Web Key Sets (RFC 7517), imports their keys, and finds keys by algorithm and key id.
 */
import { toPrintable } from './claims.ts';

/**
 * The kind of key that each algorithm needs (RFC 7518 §3.1, RFC 8037 §3.1). HMAC is missing on
 * purpose: a key set is public.
 */
const ALGORITHMS = {
  RS256: { kty: 'RSA', crv: undefined, params: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } },
  RS384: { kty: 'RSA', crv: undefined, params: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' } },
  RS512: { kty: 'RSA', crv: undefined, params: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } },
  PS256: { kty: 'RSA', crv: undefined, params: { name: 'RSA-PSS', hash: 'SHA-256' } },
  PS384: { kty: 'RSA', crv: undefined, params: { name: 'RSA-PSS', hash: 'SHA-384' } },
  PS512: { kty: 'RSA', crv: undefined, params: { name: 'RSA-PSS', hash: 'SHA-512' } },
  ES256: { kty: 'EC', crv: 'P-256', params: { name: 'ECDSA', namedCurve: 'P-256' } },
  ES384: { kty: 'EC', crv: 'P-384', params: { name: 'ECDSA', namedCurve: 'P-384' } },
  ES512: { kty: 'EC', crv: 'P-521', params: { name: 'ECDSA', namedCurve: 'P-521' } },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', params: { name: 'Ed25519' } },
  // RFC 9864: `Ed25519` is a newer name for EdDSA with the curve Ed25519.
  Ed25519: { kty: 'OKP', crv: 'Ed25519', params: { name: 'Ed25519' } },
} as const;

type Algorithm = keyof typeof ALGORITHMS;

export const JWKS_ALGORITHMS = Object.keys(ALGORITHMS).filter(
  (name): name is Algorithm => name in ALGORITHMS,
);

/** RFC 7518 §3.3 requires RSA keys of at least this size. */
const RSA_MIN_BITS = 2048;
/**
 * Importing a key is expensive. The Worker imports an RSA key without `alg` six times, once for
 * each algorithm.
 */
const KEYS_MAX_COUNT = 64;

/**
 * An error with a message that never quotes a key. An error of JSON.parse may quote a private key.
 */
export class JwksError extends Error {}

type VerificationKey = {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly key: CryptoKey;
};
export type KeySet = readonly VerificationKey[];

/** The keys to try for a token, or the reason why no key can verify it. */
export type Found = readonly CryptoKey[] | 'unknown' | 'ambiguous';

/** Finds the keys with a token's algorithm and key id. */
export function findKeys(keys: KeySet, alg: string, kid: string | undefined): Found {
  const fitting = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid));
  if (fitting.length === 0) return 'unknown';
  return kid === undefined && fitting.length > 1 ? 'ambiguous' : fitting.map(({ key }) => key);
}

/**
 * Reads the key set in JWT_JWKS. One bad key makes the whole set invalid.
 * @throws {JwksError} The message tells what is wrong, and quotes no key.
 * @throws {Error} from JSON.parse or WebCrypto. The message may quote a key.
 */
export async function readConfiguredJwks(json: string): Promise<KeySet> {
  const candidates = parseCandidates(json);
  if (candidates.some(isSecret)) throw new JwksError('contains a private or symmetric key');
  const keys = requireKeys(await Promise.all(candidates.flatMap(importKeys)));
  refuseSharedKeyIds(keys);
  return keys;
}

/**
 * Refuses two keys with one `kid` for one algorithm. Keys for different algorithms may share a
 * `kid` (RFC 7517 §4.5).
 */
function refuseSharedKeyIds(keys: KeySet): void {
  const seen = new Set<string>();
  for (const { alg, kid } of keys) {
    if (kid === undefined) continue;
    if (seen.has(`${alg} ${kid}`)) {
      const fault = `two keys for ${alg} with the kid ${toPrintable(kid)}`;
      throw new JwksError(`has ${fault}: give each key a kid of its own`);
    }
    seen.add(`${alg} ${kid}`);
  }
}

/**
 * Reads a key set that an issuer publishes. Skips bad keys, so they do not disable the good keys
 * (RFC 7517 §5).
 * @throws {JwksError} if the text is not a key set, or if no key in it can verify a token.
 * @throws {Error} from JSON.parse.
 */
export async function readRemoteJwks(json: string): Promise<KeySet> {
  const imports = parseCandidates(json)
    .filter((jwk) => !isSecret(jwk))
    .flatMap(importKeys);
  const settled = await Promise.allSettled(imports);
  return requireKeys(
    settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
  );
}

function parseCandidates(json: string): Properties[] {
  const { keys } = requireObject(JSON.parse(json));
  if (!Array.isArray(keys)) throw new JwksError('is not a JSON Web Key Set: it has no array keys');
  if (keys.length > KEYS_MAX_COUNT)
    throw new JwksError(`contains more than ${KEYS_MAX_COUNT} keys`);
  return keys.map(requireObject);
}

const isSecret = (jwk: Properties) => 'd' in jwk || 'k' in jwk;

const importKeys = (jwk: Properties) =>
  JWKS_ALGORITHMS.filter((alg) => canVerify(jwk, alg)).map((alg) => importKey(jwk, alg));

function requireKeys(keys: KeySet): KeySet {
  if (keys.length === 0) throw new JwksError('contains no key that could verify a token');
  return keys;
}

type Properties = { readonly [name: string]: unknown };

function requireObject(value: unknown): Properties {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new JwksError('is not a JSON Web Key Set: an object is missing');
}

/** Returns true if the key's properties allow the algorithm `name` (RFC 7517 §4). */
function canVerify(
  { kty, crv, use, alg, key_ops: operations }: Properties,
  name: Algorithm,
): boolean {
  const wanted = ALGORITHMS[name];
  return (
    kty === wanted.kty &&
    (wanted.crv === undefined || crv === wanted.crv) &&
    (alg === undefined || alg === name) &&
    (use === undefined || use === 'sig') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
  );
}

async function importKey({ kid, ...jwk }: Properties, alg: Algorithm): Promise<VerificationKey> {
  const { kty, crv, params } = ALGORITHMS[alg];
  const text = (name: string) => (typeof jwk[name] === 'string' ? { [name]: jwk[name] } : {});
  const material = {
    kty,
    ...(crv === undefined ? { ...text('n'), ...text('e') } : { crv, ...text('x'), ...text('y') }),
  };
  const key = await crypto.subtle.importKey('jwk', material, params, false, ['verify']);
  if ('modulusLength' in key.algorithm && Number(key.algorithm.modulusLength) < RSA_MIN_BITS) {
    throw new JwksError(`contains an RSA key under ${RSA_MIN_BITS} bits`);
  }
  return { alg, kid: typeof kid === 'string' ? kid : undefined, key };
}
