/**
 * Reads JSON Web Key Sets (RFC 7517), imports their keys, and finds keys by algorithm and key id.
 *
 * jose imports a key only when a token needs the key. This file imports all keys when a set
 * arrives. If no key of a fetched set works, remote-jwks.ts keeps the old set. If a key is broken,
 * the fault shows when the set arrives, not when a token needs the key.
 */
import { toPrintable } from './claims.ts';

/**
 * The kind of key that each algorithm needs (RFC 7518 §3.1, RFC 8037 §3.1). HMAC algorithms are
 * missing on purpose: an HMAC key is secret, but a key set is public.
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

/**
 * The algorithms that a token may use if the Worker verifies tokens with a key set. If the Worker
 * verifies tokens with the secret JWT_SECRET, a token may use only HS256.
 */
export const JWKS_ALGORITHMS = Object.keys(ALGORITHMS).filter(
  (name): name is Algorithm => name in ALGORITHMS,
);

/** RFC 7518 §3.3 requires RSA keys of at least this size. */
const RSA_MIN_BITS = 2048;
/**
 * The most keys that a set may have. No issuer publishes so many keys. The limit is needed because
 * importing a key is expensive: the Worker imports an RSA key without `alg` six times, once for
 * each RSA algorithm.
 */
const KEYS_MAX_COUNT = 64;

/**
 * An error whose message tells what is wrong with a key set. The message never quotes a key. An
 * error from JSON.parse, in contrast, may quote the text, and the text may contain a private key.
 */
export class JwksError extends Error {}

type VerificationKey = {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly key: CryptoKey;
};
export type KeySet = readonly VerificationKey[];

/**
 * The keys to try for a token, or the reason why no key can verify it.
 * - `unknown`: no key in the set has the token's algorithm and key id.
 * - `ambiguous`: the token has no key id, and several keys in the set have the token's algorithm.
 */
export type Found = readonly CryptoKey[] | 'unknown' | 'ambiguous';

/**
 * Finds the keys with the algorithm and the key id of a token. If the token has no key id, finds
 * the only key with the algorithm; if several keys have the algorithm, returns `ambiguous`.
 *
 * Several keys may have the same key id, because some issuers reuse an id although RFC 7517 §4.5
 * advises against it. The verifier then tries all keys that this function returns. A set has at
 * most KEYS_MAX_COUNT keys, so the number of tries has a limit.
 */
export function findKeys(keys: KeySet, alg: string, kid: string | undefined): Found {
  const fitting = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid));
  if (fitting.length === 0) return 'unknown';
  return kid === undefined && fitting.length > 1 ? 'ambiguous' : fitting.map(({ key }) => key);
}

/**
 * Reads the key set in the setting JWT_JWKS. One bad key makes the whole set invalid, because the
 * operator can correct the setting.
 * @throws {JwksError} if the text is not a key set, if no key can verify a token, if a key is
 * private, symmetric or weak, or if two keys share a `kid` and an algorithm.
 * @throws {Error} if the text is not JSON (from JSON.parse) or if a key is broken (from WebCrypto).
 */
export async function readConfiguredJwks(json: string): Promise<KeySet> {
  const candidates = parseCandidates(json);
  if (candidates.some(isSecret)) throw new JwksError('contains a private or symmetric key');
  const keys = requireKeys(await Promise.all(candidates.flatMap(importKeys)));
  refuseSharedKeyIds(keys);
  return keys;
}

/**
 * Refuses two keys with the same `kid` for the same algorithm. One of the two is a mistake, such as
 * a new key with the old key's id. Keys for different algorithms may share a `kid` (RFC 7517 §4.5):
 * a token names its algorithm, so only one of the keys fits.
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
 * Reads a key set that an issuer publishes. Skips each key that cannot verify a token: a broken or
 * weak key, or a key for another purpose. So a bad key does not disable the good keys (RFC 7517
 * §5). Also skips symmetric keys, and keys whose private part is published.
 * @throws {JwksError} if the text is not a key set, or if no key in it can verify a token.
 * @throws {Error} if the text is not JSON (from JSON.parse).
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

/**
 * Returns true if the key may verify signatures of the algorithm `name`. The key's properties
 * `kty`, `crv`, `use`, `alg` and `key_ops` must all allow the algorithm (RFC 7517 §4).
 */
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
  // The key that goes to WebCrypto has only its type and its public numbers. `alg`, `use` and
  // `key_ops` are left out, because `canVerify` has already checked them.
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
