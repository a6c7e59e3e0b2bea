/**
 * A link, and its key: a JWT that this Worker signs with LINK_SECRET, and nobody else. Nothing of a
 * link is stored, because its key contains it. The `typ` of the key keeps it from being taken for
 * an access token, and an access token from being taken for it (RFC 8725 §3.11). `exp` is exact,
 * because both clocks are ours.
 */
import { errors, jwtVerify, SignJWT } from 'jose';
import * as v from 'valibot';
import type { EvaluationPath } from '../evaluation/read.ts';
import type { LinkId } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { LINK_MAX_SECONDS } from '../limits.ts';
import type { AccountId, Principal } from '../principal.ts';

/** Texts that may be found in a sender's body, and the values that they stand for. */
export type Values = { readonly [text: string]: number };

/**
 * Lets anybody who has it give one evaluation a value, in one author's name, until it expires.
 * `expires_at` is ISO 8601 in UTC, in whole seconds.
 */
export type Link = LinkId & {
  readonly account: AccountId;
  /** The author of the values: the `sub` of the link's creator, or `<sub>/<name>`. */
  readonly author: string;
  readonly run_id: string;
  readonly evaluation_id: string;
  /** Where the value is in a sender's body (RFC 6901). */
  readonly pointer: string;
  readonly values: Values;
};

/** The link as its creator receives it. */
export type EvaluationLink = Omit<Link, 'account'> & { readonly url: string };

/** The path of a link, without its key. */
export const LINK_PATH = '/v1/link';

const ALGORITHM = 'HS256';
const TYPE = 'link+jwt';

export type LinkKeys = {
  readonly sign: (link: Link) => Promise<string>;
  /** @throws {Failure} `not_found`. */
  readonly verify: (key: string, now: Date) => Promise<Link>;
};

/** @throws {Failure} `not_found` if there is no secret. */
export async function createLinkKeys(secret: BufferSource | undefined): Promise<LinkKeys> {
  if (!secret) {
    const sentence = 'This deployment has no links: its setting LINK_SECRET is missing.';
    throw new Failure('not_found', sentence);
  }
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
    verify: async (key, currentDate) => {
      const expected = { algorithms: [ALGORITHM], typ: TYPE, requiredClaims: ['exp'], currentDate };
      try {
        return linkOfClaims((await jwtVerify(key, cryptoKey, expected)).payload);
      } catch (thrown) {
        if (thrown instanceof errors.JOSEError) throw linkNotFound(thrown.code);
        throw thrown;
      }
    },
  };
}

/** The last second that a Date can contain. */
const EXPIRES_MAX_SECONDS = 8_640_000_000_000;

const LinkClaims = v.object({
  jti: v.string(),
  exp: v.pipe(v.number(), v.maxValue(EXPIRES_MAX_SECONDS)),
  account_id: v.string(),
  sub: v.string(),
  run_id: v.string(),
  evaluation_id: v.string(),
  pointer: v.string(),
  values: v.record(v.string(), v.number()),
});

/** @throws {Failure} `not_found` if a program that has the secret signed something else. */
function linkOfClaims(payload: unknown): Link {
  const { success, output } = v.safeParse(LinkClaims, payload);
  if (!success) throw linkNotFound('claims');
  const { jti, exp, account_id, sub, ...rest } = output;
  return {
    id: jti,
    expires_at: new Date(exp * 1000).toISOString(),
    // The key verifies, so the account comes from a token that verified.
    account: account_id as AccountId,
    author: sub,
    ...rest,
  };
}

/** Returns a time in whole seconds, as a JWT has it. */
export const expiryAfter = (now: string, seconds: number) =>
  new Date((Math.floor(Date.parse(now) / 1000) + seconds) * 1000).toISOString();

/**
 * Returns a fresh id: a UUID of version 8 (RFC 9562 §5.8) that begins with the time of expiry in
 * milliseconds, as version 7 does with the present. So a link can be revoked by its id alone, and
 * the revocation is forgotten when the link would have expired.
 */
export function newLinkId(expires_at: string): string {
  const time = Date.parse(expires_at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-8${crypto.randomUUID().slice(15)}`;
}

/**
 * The clock of the edge that created a link may be ahead of the edge that revokes it. The trigger
 * that deletes expired revocations waits as long.
 */
const CLOCK_SKEW_MAX_SECONDS = 3600;

/** Returns when the link with that id expires; undefined if no link can have that id now. */
export function expiryOf(id: string, now: string): string | undefined {
  const expires = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  const latest = Date.parse(now) + (LINK_MAX_SECONDS + CLOCK_SKEW_MAX_SECONDS) * 1000;
  return expires <= latest ? new Date(expires).toISOString() : undefined;
}

/** Returns the principal of a request through a link. A link is restricted to its evaluation. */
export const principalOf = ({ id, account, author, run_id, evaluation_id }: Link): Principal => ({
  account,
  subject: author,
  evaluator: undefined,
  run: run_id,
  evaluation: evaluation_id,
  link: id,
  keyId: undefined,
});

export const pathOf = ({ run_id, evaluation_id }: Link): EvaluationPath => ({
  run_id,
  id: evaluation_id,
});

/** The same sentence for every reason, so that a stranger learns nothing. The log has `code`. */
export const linkNotFound = (code: string) =>
  new Failure(
    'not_found',
    'The link does not work: it is incomplete, has expired or was revoked, or what it was for is gone. Ask whoever sent it for another.',
    {},
    { code },
  );
