/** Signs any header and any text. JWT libraries refuse to sign hostile tokens. */

export type Header = { readonly [name: string]: unknown };

const ALGORITHMS = {
  RS256: { generate: rsa('RSASSA-PKCS1-v1_5'), sign: { name: 'RSASSA-PKCS1-v1_5' } },
  RS384: { generate: rsa('RSASSA-PKCS1-v1_5', 'SHA-384'), sign: { name: 'RSASSA-PKCS1-v1_5' } },
  RS512: { generate: rsa('RSASSA-PKCS1-v1_5', 'SHA-512'), sign: { name: 'RSASSA-PKCS1-v1_5' } },
  PS256: { generate: rsa('RSA-PSS'), sign: { name: 'RSA-PSS', saltLength: 32 } },
  PS384: { generate: rsa('RSA-PSS', 'SHA-384'), sign: { name: 'RSA-PSS', saltLength: 48 } },
  PS512: { generate: rsa('RSA-PSS', 'SHA-512'), sign: { name: 'RSA-PSS', saltLength: 64 } },
  ES256: {
    generate: { name: 'ECDSA', namedCurve: 'P-256' },
    sign: { name: 'ECDSA', hash: 'SHA-256' },
  },
  ES384: {
    generate: { name: 'ECDSA', namedCurve: 'P-384' },
    sign: { name: 'ECDSA', hash: 'SHA-384' },
  },
  ES512: {
    generate: { name: 'ECDSA', namedCurve: 'P-521' },
    sign: { name: 'ECDSA', hash: 'SHA-512' },
  },
  EdDSA: { generate: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
  Ed25519: { generate: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
};

export type Algorithm = keyof typeof ALGORITHMS;

function rsa(name: string, hash = 'SHA-256') {
  return { name, hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
}

export type Signer = {
  /** Signs an object as JSON, and a string or bytes unchanged. */
  readonly sign: (claims: object | string | Uint8Array, header?: Header) => Promise<string>;
};

export type KeyPair = Signer & { readonly jwk: JsonWebKey & { kid: string } };

/**
 * Makes a key pair. Two calls with the same `owner` and `modulusLength` return the same RSA key.
 */
export async function makeKeyPair(
  alg: Algorithm,
  kid: string,
  { modulusLength = 2048, owner = 'the issuer' } = {},
): Promise<KeyPair> {
  const { generate, sign } = ALGORITHMS[alg];
  const { publicJwk, privateJwk } =
    'hash' in generate ? await makeRsaKeys(owner, modulusLength) : await generateKeys(generate);
  const key = await crypto.subtle.importKey('jwk', privateJwk, generate, false, ['sign']);
  return { jwk: { ...publicJwk, kid }, ...signer({ alg, kid }, key, sign) };
}

type Keys = { readonly publicJwk: JsonWebKey; readonly privateJwk: JsonWebKey };

async function generateKeys(
  algorithm: Parameters<typeof crypto.subtle.generateKey>[0],
): Promise<Keys> {
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  if (!('publicKey' in pair)) throw new Error('no key pair');
  return {
    publicJwk: await exportJwk(pair.publicKey),
    privateJwk: await exportJwk(pair.privateKey),
  };
}

const made = new Map<string, Keys>();

/** Caches RSA keys, because making a key takes up to half a second. */
async function makeRsaKeys(owner: string, modulusLength: number): Promise<Keys> {
  const name = `${owner} ${modulusLength}`;
  const keys =
    made.get(name) ?? (await generateKeys({ ...ALGORITHMS.RS256.generate, modulusLength }));
  made.set(name, keys);
  return keys;
}

export const exportPrivateJwk = async (): Promise<JsonWebKey> =>
  (await generateKeys(ALGORITHMS.ES256.generate)).privateJwk;

/** Exports a key as an issuer publishes it, without the members that WebCrypto adds. */
async function exportJwk(key: CryptoKey): Promise<JsonWebKey> {
  const exported = await crypto.subtle.exportKey('jwk', key);
  if (exported instanceof ArrayBuffer) throw new Error('not a JWK');
  const { ext: _, key_ops: __, alg: ___, ...jwk } = exported;
  return jwk;
}

export async function createHmac(secret: string, alg = 'HS256'): Promise<Signer> {
  const hash = alg.replace('HS', 'SHA-');
  const key = await crypto.subtle.importKey(
    'raw',
    encodeUtf8(secret),
    { name: 'HMAC', hash },
    false,
    ['sign'],
  );
  return signer({ alg }, key, { name: 'HMAC' });
}

function signer(header: Header, key: CryptoKey, params: { name: string }): Signer {
  return {
    sign: async (claims, changed = {}) => {
      const signed = encodeUnsigned({ ...header, ...changed }, claims);
      return `${signed}.${base64url(new Uint8Array(await crypto.subtle.sign(params, key, encodeUtf8(signed))))}`;
    },
  };
}

export const encodeUnsigned = (header: Header, claims: object | string | Uint8Array) =>
  [header, claims].map((part) => base64url(encodeClaims(part))).join('.');

const encodeClaims = (part: object | string | Uint8Array) =>
  part instanceof Uint8Array
    ? part
    : encodeUtf8(typeof part === 'string' ? part : JSON.stringify(part));

export const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const encodeUtf8 = (text: string) => new TextEncoder().encode(text);
