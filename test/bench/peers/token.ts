/** Verifies tokens with jose, for the Workers `lean` and `engineer`. */
import { type CryptoKey, createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { Bindings } from './schema.ts';

/** Each isolate prepares the key once. Otherwise jose would import a secret for each token. */
let key: CryptoKey | ReturnType<typeof createLocalJWKSet> | undefined;

async function prepareKey({ JWT_SECRET, JWT_JWKS }: Bindings) {
  if (JWT_SECRET === undefined) return createLocalJWKSet(JSON.parse(JWT_JWKS ?? ''));
  const secret = new TextEncoder().encode(JWT_SECRET);
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  return crypto.subtle.importKey('raw', secret, hmac, false, ['verify']);
}

/** Returns the claims of a token; undefined if the token does not verify. */
export async function verifyToken(token: string, env: Bindings): Promise<JWTPayload | undefined> {
  key ??= await prepareKey(env);
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_ALG } = env;
  const options = { issuer, audience, algorithms: [JWT_ALG], requiredClaims: ['exp', 'sub'] };
  try {
    const verified =
      typeof key === 'function'
        ? await jwtVerify(token, key, options)
        : await jwtVerify(token, key, options);
    return verified.payload;
  } catch {
    return undefined;
  }
}
