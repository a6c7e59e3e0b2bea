/**
 * The key of a link: a JWT that this Worker signs and nobody else, with LINK_SECRET. It is no access token: its `typ` keeps it
 * from being taken for one, and an access token from being taken for it (RFC 8725 §3.11). `exp` is exact: both clocks are ours.
 */
import { errors, jwtVerify, SignJWT } from 'jose';
import { Failure } from '../failure.ts';
import { parseLinkClaims } from './input.ts';
import { type Link, linkNotFound } from './link.ts';

const ALGORITHM = 'HS256';
const TYPE = 'link+jwt';

export type LinkKeys = {
  readonly sign: (link: Link) => Promise<string>;
  /** @throws {Failure} `not_found`. */
  readonly verify: (key: string, now: Date) => Promise<Link>;
};

/** @throws {Failure} `not_found` if there is no secret. */
export async function createLinkKeys(secret: Uint8Array | undefined): Promise<LinkKeys> {
  if (!secret)
    throw new Failure(
      'not_found',
      'This deployment has no links: its setting LINK_SECRET is missing.',
    );
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const cryptoKey = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign', 'verify']);
  return {
    sign: ({ id, account, author, expires_at, ...claims }) =>
      new SignJWT({ ...claims, account_id: account })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(author)
        .setJti(id)
        .setExpirationTime(new Date(expires_at))
        .sign(cryptoKey),
    verify: async (key, now) => {
      try {
        const options = {
          algorithms: [ALGORITHM],
          typ: TYPE,
          requiredClaims: ['exp'],
          currentDate: now,
        };
        return parseLinkClaims((await jwtVerify(key, cryptoKey, options)).payload);
      } catch (thrown) {
        if (thrown instanceof errors.JOSEError) throw linkNotFound(thrown.code);
        throw thrown;
      }
    },
  };
}
