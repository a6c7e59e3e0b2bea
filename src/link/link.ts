/**
 * A link: what lets whoever has it give one evaluation a value, in one author's name, until it expires. Nothing of it is
 * stored; its key carries it (key.ts).
 */
import type { EvaluationPath } from '../evaluation/evaluation.ts';
import type { LinkId } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import type { AccountId, Principal } from '../principal.ts';

/** What is found in a sender's body, as text, and the value that it stands for. */
export type Values = { readonly [text: string]: number };

/** `expires_at` is ISO 8601 in UTC, in whole seconds. */
export type Link = LinkId & {
  readonly account: AccountId;
  /** Who the values are attributed to: the `sub` of who made the link, or `<sub>/<name>`. */
  readonly author: string;
  readonly run_id: string;
  readonly evaluation_id: string;
  /** Where the value is in a sender's body (RFC 6901). */
  readonly pointer: string;
  readonly values: Values;
};

/** The link as its creator receives it. */
export type EvaluationLink = Omit<Link, 'account'> & { readonly url: string };

export const LINK_MAX_SECONDS = 7_776_000;

/** The path of a link, without its key. */
export const LINK_PATH = '/v1/link';

/** In whole seconds, as a JWT has it. */
export const expiryAfter = (now: string, seconds: number) =>
  new Date((Math.floor(Date.parse(now) / 1000) + seconds) * 1000).toISOString();

/**
 * A fresh id: a UUID of version 8 (RFC 9562 §5.8) that begins with the time of expiry in milliseconds, as version 7 does
 * with the present. So a link can be revoked by its id alone, and the revocation forgotten when the link would have expired.
 */
export function newLinkId(expires_at: string): string {
  const time = Date.parse(expires_at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-8${crypto.randomUUID().slice(15)}`;
}

/** The clock of the edge that made a link may be ahead of that of the edge that revokes it; a trigger leaves as much. */
const CLOCK_SKEW_MAX_SECONDS = 3600;

/** When the link of that id expires; undefined if no link can have that id now. */
export function expiryOf(id: string, now: string): string | undefined {
  const expires = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  const latest = Date.parse(now) + (LINK_MAX_SECONDS + CLOCK_SKEW_MAX_SECONDS) * 1000;
  return expires <= latest ? new Date(expires).toISOString() : undefined;
}

/** Who asks through a link: restricted to its evaluation, like a token. */
export const principalOf = ({ account, author, run_id, evaluation_id }: Link): Principal => ({
  account,
  subject: author,
  evaluator: undefined,
  run: run_id,
  evaluation: evaluation_id,
  keyId: undefined,
});

export const pathOf = ({ run_id, evaluation_id }: Link): EvaluationPath => ({
  run_id,
  id: evaluation_id,
});

/** One sentence whatever the reason, so that a stranger learns nothing; `code` is for the log. */
export const linkNotFound = (code: string) =>
  new Failure(
    'not_found',
    'The link does not work: it is incomplete, has expired or was revoked, or what it was for is gone. Ask whoever sent it for another.',
    {},
    { code },
  );
