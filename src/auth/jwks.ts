/**
 * JSON Web Key Sets (RFC 7517) as verification keys: checked, imported once, and found by algorithm and key id. Not by
 * jose's key sets, which import a key only when a token asks for it: here a set is judged as a whole when it comes, so
 * that a set without one key that works never takes the place of a good one, and a broken key never fails a request.
 */

/** What a key must be for an algorithm (RFC 7518 §3.1, RFC 8037 §3.1). HMAC is not among them: a key set is public. */
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
  // RFC 9864: the fully specified name of the same.
  Ed25519: { kty: 'OKP', crv: 'Ed25519', params: { name: 'Ed25519' } },
} as const;

type Algorithm = keyof typeof ALGORITHMS;

export const JWKS_ALGORITHMS = Object.keys(ALGORITHMS).filter(
  (name): name is Algorithm => name in ALGORITHMS,
);

/** RFC 7518 §3.3. */
const RSA_MIN_BITS = 2048;
/** More keys than any issuer publishes. An RSA key that names no algorithm is imported once for each of six. */
const KEYS_MAX = 64;

/** What is wrong with a key set, in words of ours: a parser's message would quote the text. */
export class JwksError extends Error {}

export type VerificationKey = {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly key: CryptoKey;
};
export type KeySet = readonly VerificationKey[];

/** The key that fits, or why there is none. */
export type Found = CryptoKey | 'unknown' | 'ambiguous';

export function findKey(keys: KeySet, alg: string, kid: string | undefined): Found {
  const [first, second] = keys.filter(
    (key) => key.alg === alg && (kid === undefined || key.kid === kid),
  );
  if (first === undefined) return 'unknown';
  return kid === undefined && second !== undefined ? 'ambiguous' : first.key;
}

/**
 * A key set of our own configuration: every key in it has to be right.
 * @throws {JwksError} or a parser's own error, where the text is not a key set, or any key is private, symmetric,
 * broken or weak, or none could verify.
 */
export async function readConfiguredJwks(json: string): Promise<KeySet> {
  const candidates = candidatesIn(json);
  if (candidates.some(isSecret)) throw new JwksError('holds a private or symmetric key');
  return nonEmpty(await Promise.all(candidates.flatMap(importsOf)));
}

/**
 * A key set that somebody else publishes. A key that could not verify is passed over, as RFC 7517 §5 wants: one
 * that is broken, weak or for another purpose must not take the good ones down. So is one whose private part is out.
 * @throws {JwksError} or a parser's own error, where the text is not a key set, or no key in it could verify.
 */
export async function readRemoteJwks(json: string): Promise<KeySet> {
  const imports = candidatesIn(json)
    .filter((jwk) => !isSecret(jwk))
    .flatMap(importsOf);
  const settled = await Promise.allSettled(imports);
  return nonEmpty(
    settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
  );
}

function candidatesIn(json: string): Properties[] {
  const { keys } = propertiesOf(JSON.parse(json));
  if (!Array.isArray(keys)) throw new JwksError('is not a JSON Web Key Set: it has no array keys');
  if (keys.length > KEYS_MAX) throw new JwksError(`holds more than ${KEYS_MAX} keys`);
  return keys.map(propertiesOf);
}

const isSecret = (jwk: Properties) => 'd' in jwk || 'k' in jwk;

const importsOf = (jwk: Properties) =>
  JWKS_ALGORITHMS.filter((alg) => isFor(jwk, alg)).map((alg) => importKey(jwk, alg));

function nonEmpty(keys: KeySet): KeySet {
  if (keys.length === 0) throw new JwksError('holds no key that could verify a token');
  return keys;
}

type Properties = { readonly [name: string]: unknown };

function propertiesOf(value: unknown): Properties {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new JwksError('is not a JSON Web Key Set: an object is missing');
}

/** Whether the key says that it verifies signatures of this algorithm (RFC 7517 §4). */
function isFor({ kty, crv, use, alg, key_ops: operations }: Properties, name: Algorithm): boolean {
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
  // Only the public members go in: alg, use and the rest have been judged above.
  const material = {
    kty,
    ...(crv === undefined ? { ...text('n'), ...text('e') } : { crv, ...text('x'), ...text('y') }),
  };
  const key = await crypto.subtle.importKey('jwk', material, params, false, ['verify']);
  if ('modulusLength' in key.algorithm && Number(key.algorithm.modulusLength) < RSA_MIN_BITS) {
    throw new JwksError(`holds an RSA key under ${RSA_MIN_BITS} bits`);
  }
  return { alg, kid: typeof kid === 'string' ? kid : undefined, key };
}
