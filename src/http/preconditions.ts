/**
 * Reads the preconditions (RFC 9110 §13.1) and the idempotency key of a request. Each change of a
 * resource gives the resource a new version, which is a time as text. The version in quotes is the
 * resource's strong entity tag (RFC 9110 §8.8.3).
 */
import { malformed } from '../failure.ts';
import type { AppContext } from './context.ts';

/**
 * Matches `*`, perhaps between spaces and tabs. The pattern does not use `\s`, because `\s` also
 * matches characters that HTTP does not count as white space.
 */
const ANY = /^[ \t]*\*[ \t]*$/;

/**
 * Matches one element of the list in If-Match or If-None-Match. The element is a weak or strong
 * entity tag, or empty: RFC 9110 §5.6.1 permits empty elements.
 */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;

type Tag = { readonly weak: boolean; readonly version: string };

/**
 * The preconditions of RFC 9110 §13.1, without If-Range. A server must ignore If-Range if the
 * request has no header Range (§13.1.5), and no operation reads Range.
 */
const PRECONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'];

/**
 * Refuses a request with a precondition that the operation does not evaluate. `evaluated` contains
 * the preconditions that the operation does evaluate.
 *
 * Example: a caller sends If-Unmodified-Since so that its write does not overwrite a newer change.
 * If the Worker ignored the header, the write could overwrite that change.
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
 * Reads the headers of an update. `versions` contains the versions in If-Match: if the stored
 * version is not in this list, the update fails. `key` is the idempotency key, by which the
 * database finds a retry.
 * @throws {Failure} `malformed`.
 */
export const parseUpdatePreconditions = (c: AppContext) => ({
  versions: parseIfMatch(c),
  key: readIdempotencyKey(c.req.raw.headers),
});

/**
 * Returns the versions in If-Match. If the stored version is not in this list, the request must
 * fail. Returns undefined if the request has no If-Match, or if If-Match is `*`: then the stored
 * version does not matter.
 * @throws {Failure} `malformed` if If-Match is not a list of entity tags, if it has too many, or if
 * the request has a precondition that is not If-Match.
 */
export function parseIfMatch(c: AppContext): readonly string[] | undefined {
  refusePreconditions(c, 'If-Match');
  return readIfMatch(c.req.header('if-match'));
}

/**
 * The most versions that If-Match may have. If-Match usually has one version. The limit is far
 * above what real callers send.
 */
const VERSIONS_MAX_COUNT = 100;

/** Matches a version, which is a time (db/write.ts). */
const VERSION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Returns the versions in If-Match; undefined if the header is absent or `*`. Leaves out
 * repetitions, tags that are not a version, and weak tags, because If-Match never matches a weak
 * tag (§13.1.1). These tags do not reach the database, so a long header with many of them costs the
 * database nothing.
 * @throws {Failure} `malformed` if the header is not a list of entity tags, or has more than 100
 * different versions. If the Worker ignored a malformed If-Match, the write could overwrite a
 * change that the caller has not seen.
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

export type ReadPreconditions = {
  readonly versions: readonly string[] | undefined;
  /**
   * Returns true if the caller already has the version. This is so if If-None-Match is `*` or
   * contains the version.
   */
  readonly isKnown: (version: string) => boolean;
};

/**
 * Reads If-Match and If-None-Match. In If-None-Match, a weak tag counts like a strong one
 * (§13.1.2), because a proxy may have made the Worker's tag weak. If If-None-Match is malformed,
 * the Worker ignores the header, and the caller gets the full response.
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
 * The headers that may contain the idempotency key of a write. Idempotency-Key comes from an IETF
 * draft (idempotency-key-header). Webhook senders use webhook-id (Standard Webhooks) or svix-id
 * (Svix). If a request has several of these headers, the Worker reads only the one that comes first
 * in this list.
 */
const KEY_HEADERS = ['idempotency-key', 'webhook-id', 'svix-id'] as const;

/**
 * Matches 1 to 255 visible ASCII characters, without quotes or in double quotes. The IETF draft
 * puts the key in quotes (RFC 9651 §3.3.3).
 */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** The idempotency key of a write, and the name of the header that contained the key. */
export type Key = { readonly header: string; readonly key: string };

/**
 * Reads the idempotency key from the first header in `names` that the request has. Returns
 * undefined if the request has none of these headers.
 * @throws {Failure} `malformed` if the header's value is not a valid key. If the Worker ignored an
 * invalid key, it could not recognize a retry, and could store the write twice.
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
 * Returns the idempotency key of a write; undefined if the request has none.
 * @throws {Failure} `malformed`.
 */
export const readIdempotencyKey = (headers: Headers) => readKey(headers, KEY_HEADERS)?.key;
