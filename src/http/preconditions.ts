/**
 * Reads the headers that guard a write or a read: preconditions on entity tags (RFC 9110 §8.8.3,
 * §13.1), and the caller's name for the write. Each state of a resource has its own version, a
 * short text. The strong entity tag is the version in quotes.
 */
import { malformed } from '../failure.ts';
import type { AppContext } from './context.ts';

/** Matches `*` with HTTP's white space around it. JavaScript's `\s` matches more. */
const ANY = /^[ \t]*\*[ \t]*$/;

/** Matches an entity tag, weak or strong, or an empty list element, which §5.6.1 permits. */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;

type Tag = { readonly weak: boolean; readonly version: string };

/**
 * The preconditions of RFC 9110 §13.1, without If-Range. No operation takes Range, and a server
 * must ignore If-Range without Range (§13.1.5).
 */
const PRECONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'];

/**
 * Refuses every precondition that the operation cannot evaluate, because the caller relies on its
 * precondition. `evaluated` contains the preconditions that the operation takes.
 * @throws {Failure} `malformed`. The sentence names the preconditions that the operation takes.
 */
export function refusePreconditions({ req }: AppContext, ...evaluated: readonly string[]): void {
  const other = PRECONDITIONS.find(
    (name) => req.header(name) !== undefined && !evaluated.includes(name),
  );
  if (other === undefined) return;
  throw malformed(
    evaluated.length === 0
      ? `This operation takes no precondition: leave ${other} out.`
      : `This operation takes ${evaluated.join(' and ')}, not ${other}.`,
  );
}

/**
 * Reads the headers of an update: `versions`, one of which must be stored, and the caller's `key`.
 * @throws {Failure} `malformed`.
 */
export const parseUpdatePreconditions = (c: AppContext) => ({
  versions: parseIfMatch(c),
  key: readIdempotencyKey(c.req.raw.headers),
});

/**
 * Returns the versions that If-Match lists: the stored version must be one of them. Returns
 * undefined if any version is accepted.
 * @throws {Failure} `malformed` for a header that is no list of entity tags, and for any other
 * precondition.
 */
export function parseIfMatch(c: AppContext): readonly string[] | undefined {
  refusePreconditions(c, 'If-Match');
  return readIfMatch(c.req.header('if-match'));
}

/** The most versions in If-Match. No honest caller has gathered more. */
const VERSIONS_MAX_COUNT = 100;

/** Matches every version. A version is a time (db/write.ts). */
const VERSION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Reads the versions in If-Match; undefined if the header is absent or `*`. A weak tag never
 * matches (§13.1.1), and neither does a tag that cannot be a version. The result leaves out such
 * tags and repeated tags, so a long header costs the database nothing.
 * @throws {Failure} `malformed` if the header is not a list of entity tags, or if more than 100
 * versions are left. A guess could overwrite what the caller wants to keep.
 */
function readIfMatch(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || ANY.test(header)) return undefined;
  const tags = readTags(header);
  if (!tags) {
    throw malformed(
      'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
    );
  }
  const versions = tags.flatMap(({ weak, version }) =>
    !weak && VERSION.test(version) ? [version] : [],
  );
  const different = [...new Set(versions)];
  if (different.length <= VERSIONS_MAX_COUNT) return different;
  throw malformed(`If-Match must name at most ${VERSIONS_MAX_COUNT} entity tags.`);
}

/** The preconditions of a read of one resource. */
export type ReadPreconditions = {
  readonly versions: readonly string[] | undefined;
  /** Returns true if the caller has the version already. */
  readonly isKnown: (version: string) => boolean;
};

/**
 * Reads If-Match and If-None-Match. Weak tags match If-None-Match too (§13.1.2), because an edge
 * may have weakened our tag. A malformed If-None-Match matches nothing, so the caller gets the full
 * response.
 * @throws {Failure} `malformed`.
 */
export function parseReadPreconditions(c: AppContext): ReadPreconditions {
  refusePreconditions(c, 'If-Match', 'If-None-Match');
  const header = c.req.header('if-none-match');
  const isAny = header !== undefined && ANY.test(header);
  const known = (header !== undefined && readTags(header)) || [];
  return {
    versions: readIfMatch(c.req.header('if-match')),
    isKnown: (version) => isAny || known.some((tag) => tag.version === version),
  };
}

function readTags(header: string): readonly Tag[] | undefined {
  const tags: Tag[] = [];
  ELEMENT.lastIndex = 0;
  while (ELEMENT.lastIndex < header.length) {
    const element = ELEMENT.exec(header);
    if (!element) return undefined;
    const [, weak, version] = element;
    if (version !== undefined) tags.push({ weak: weak !== undefined, version });
  }
  return tags;
}

/**
 * The headers that name a write: Idempotency-Key (IETF draft idempotency-key-header), and the names
 * that webhook senders use (Standard Webhooks, Svix). If a request has several of them, the first
 * in this list counts.
 */
const KEY_HEADERS = ['idempotency-key', 'webhook-id', 'svix-id'] as const;

/**
 * Matches visible ASCII without quotes, or the same in quotes, as the draft writes it (RFC 9651
 * §3.3.3).
 */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** The header that names a write, and the name. */
export type Key = { readonly header: string; readonly key: string };

/**
 * Reads the first of the named headers that the request has; undefined if all of them are absent.
 * @throws {Failure} `malformed` if the header is not a key: if it were ignored, a retry could be
 * stored twice.
 */
export function readKey(headers: Headers, names: readonly string[]): Key | undefined {
  const header = names.find((name) => headers.has(name));
  if (header === undefined) return undefined;
  const [, quoted, plain] = KEY.exec(headers.get(header) ?? '') ?? [];
  const key = quoted ?? plain;
  if (key !== undefined) return { header, key };
  throw malformed(
    `The header ${header} must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.`,
  );
}

/**
 * Reads the caller's name for a write, 1 to 255 visible ASCII characters; undefined if the request
 * has none.
 * @throws {Failure} `malformed`.
 */
export const readIdempotencyKey = (headers: Headers) => readKey(headers, KEY_HEADERS)?.key;
