/** What the two Workers written by hand share: their settings, and the one path that they have. */
export type Settings = {
  readonly DB: D1Database;
  readonly JWT_ALG: string;
  readonly JWT_SECRET?: string;
  readonly JWT_JWKS?: string;
  readonly JWT_ISSUER: string;
  readonly JWT_AUDIENCE: string;
};

export const PATH =
  /^https?:\/\/[^/]+\/v1\/run\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/evaluation\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

const ALGORITHMS: { readonly [alg: string]: { name: string; hash?: string; namedCurve?: string } } =
  {
    HS256: { name: 'HMAC', hash: 'SHA-256' },
    RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
    EdDSA: { name: 'Ed25519' },
  };

export const algorithmOf = (alg: string) => ALGORITHMS[alg] ?? { name: '' };

export async function importKey({ JWT_ALG, JWT_SECRET, JWT_JWKS }: Settings): Promise<CryptoKey> {
  const algorithm = algorithmOf(JWT_ALG);
  if (JWT_SECRET) {
    return crypto.subtle.importKey('raw', new TextEncoder().encode(JWT_SECRET), algorithm, false, [
      'verify',
    ]);
  }
  return crypto.subtle.importKey('jwk', JSON.parse(JWT_JWKS ?? '').keys[0], algorithm, false, [
    'verify',
  ]);
}
