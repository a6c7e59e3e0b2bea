/**
 * Gives the tests of tokens an issuer, its key pair, and Workers whose clocks stand still at `now`.
 */
import { createStillClock } from './clock.ts';
import { type KeyPair, makeKeyPair } from './signer.ts';
import { claims, createWorker, mintToken, type Send, seconds } from './worker.ts';

export const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';
export const SIGNATURE = "The token's signature does not verify.";
export const ALGORITHM = "The token's algorithm is not accepted here.";
export const KIND = 'The token is a JWT of another kind (typ).';
export const UNKNOWN_KEY = 'The token is signed with a key that is not known here.';
export const AUDIENCE = 'The token is meant for another audience.';
export const NO_ACCESS_TOKEN = 'The token is an ID or refresh token: send an access token.';
export const requireFilled = (claim: string) =>
  `The token's claim ${claim} must be a non-empty string.`;

export const ISSUER = 'https://issuer.example';

const NOW = createStillClock().now();

/** The time of the clocks in these tests, in seconds since 1970. */
export const now = seconds(NOW);

export const makeScopedClaims = (changed: Record<string, unknown> = {}) =>
  claims({ iss: ISSUER, aud: 'run-evaluation', ...changed }, NOW);

export const pair: KeyPair = await makeKeyPair('ES256', 'key-1');

export const createWorkerNow = (settings: Parameters<typeof createWorker>[0]): Send =>
  createWorker(settings, createStillClock(NOW));

export const createWorkerWithKeys = (keys: object[], settings: Partial<Env> = {}): Send =>
  createWorkerNow({
    JWT_SECRET: '',
    JWT_JWKS: JSON.stringify({ keys }),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: 'run-evaluation',
    ...settings,
  });

/** Mints a token of exactly this many characters, for a Worker with a real clock. */
export async function mintLong(characters: number): Promise<string> {
  const pad = (length: number) => mintToken({ pad: 'x'.repeat(length) });
  const short = await pad(0);
  // Base64url writes three bytes as four characters. The division rounds down, so one more byte may
  // fit.
  const token = await pad(Math.floor(((characters - short.length) * 3) / 4));
  const next = await pad(Math.floor(((characters - short.length) * 3) / 4) + 1);
  const found = [token, next].find(({ length }) => length === characters);
  if (found === undefined) throw new Error(`no token of ${characters} characters`);
  return found;
}
