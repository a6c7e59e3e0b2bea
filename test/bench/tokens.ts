/** Creates the tokens of the bench, and the settings with which a Worker verifies them. */
import { createHmac, makeKeyPair, type Signer } from '../support/signer.ts';

export const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Alg = (typeof ALGORITHMS)[number];

const SECRET = 'a-secret-of-the-bench-and-of-nothing-else';
const LINK_SECRET = 'another-secret-of-the-bench-and-of-nothing-else';
/**
 * The number of tokens that requests use in turn. A Worker's cache is smaller, so it has no token
 * when the token's turn comes again.
 */
const TOKEN_COUNT = 2000;

export type Credentials = {
  readonly settings: { readonly [name: string]: string };
  readonly token: string;
  readonly tokens: readonly string[];
  readonly mintTokenFor: (account: string) => Promise<string>;
  readonly forged: string;
  readonly expired: string;
};

export async function createCredentials(alg: Alg): Promise<Credentials> {
  const common = {
    JWT_ALG: alg,
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'run-evaluation',
    LINK_SECRET,
  };
  if (alg === 'HS256') return sign({ ...common, JWT_SECRET: SECRET }, await createHmac(SECRET));
  const pair = await makeKeyPair(alg, 'key-1');
  return sign({ ...common, JWT_JWKS: JSON.stringify({ keys: [pair.jwk] }) }, pair);
}

async function sign(settings: Credentials['settings'], signer: Signer): Promise<Credentials> {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: settings['JWT_ISSUER'],
    aud: settings['JWT_AUDIENCE'],
    sub: 'user-123',
    account_id: 'acc_bench',
    exp: now + 3 * 3600,
  };
  const token = await signer.sign(claims);
  const tokens = await Promise.all(
    Array.from({ length: TOKEN_COUNT }, (_, n) => signer.sign({ ...claims, jti: `token-${n}` })),
  );
  const at = token.lastIndexOf('.') + 10;
  const forged = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  const expired = await signer.sign({ ...claims, exp: now - 3600 });
  const mintTokenFor = (account_id: string) => signer.sign({ ...claims, account_id });
  return { settings, token, tokens, mintTokenFor, forged, expired };
}
