/**
 * Reads the preconditions (RFC 9110 §13.1) and the idempotency key of a request. Each change of a
 * resource gives the resource a new version, which is a time as text. The version in quotes is the
 * resource's strong entity tag (RFC 9110 §8.8.3).
 */
import { malformed } from '../failure.ts';
import type { AppContext } from './context.ts';

/** Matches `*`, perhaps between spaces and tabs. `\s` would match more than HTTP's white space. */
const ANY = /^[ \t]*\*[ \t]*$/;

/**
 * Matches one element of a list: an entity tag, weak or strong, or nothing. RFC 9110 §5.6.1 permits
 * empty elements.
 */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;

type Tag = { readonly weak: boolean; readonly version: string };

/**
 * The preconditions of RFC 9110 §13.1, without If-Range. A server must ignore If-Range if the
 * request has no Range (§13.1.5), and no operation takes Range.
 */
const PRECONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'];

/**
 * Refuses a request with a precondition that the operation does not evaluate. A caller that sends a
 * precondition relies on it, so ignoring the precondition could do harm. `evaluated` contains the
 * preconditions that the operation takes.
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
 * Reads the headers of an update. `versions` comes from If-Match: the stored version must be one of
 * them, or the update fails. `key` is the idempotency key, by which the database finds a retry.
 * @throws {Failure} `malformed`.
 */
export const parseUpdatePreconditions = (c: AppContext) => ({
  versions: parseIfMatch(c),
  key: readIdempotencyKey(c.req.raw.headers),
});

/**
 * Returns the versions in If-Match. The request may succeed only if the stored version is one of
 * them. Returns undefined if the caller accepts every version.
 * @throws {Failure} `malformed` if If-Match is not a list of entity tags, or if the request has
 * another precondition.
 */
export function parseIfMatch(c: AppContext): readonly string[] | undefined {
  refusePreconditions(c, 'If-Match');
  return readIfMatch(c.req.header('if-match'));
}

/** If-Match usually has one version. The limit is far above what real callers send. */
const VERSIONS_MAX_COUNT = 100;

/** Matches a version, which is a time (db/write.ts). */
const VERSION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Returns the versions in If-Match; undefined if the header is absent or `*`. Leaves out repeated
 * tags, tags that cannot be a version, and weak tags, which never match (§13.1.1). So a long header
 * costs the database nothing.
 * @throws {Failure} `malformed` if the header is not a list of entity tags, or has more than 100
 * different versions. If the Worker ignored such a header, the write could overwrite a change that
 * the caller does not know.
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
  /** Returns true if If-None-Match is `*` or contains the version: the caller already has it. */
  readonly isKnown: (version: string) => boolean;
};

/**
 * Reads If-Match and If-None-Match. If-None-Match also matches weak tags (§13.1.2), because a proxy
 * may have made our tag weak. If If-None-Match is malformed, it matches nothing, and the caller
 * gets the full response.
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
 * (Svix). If a request has several of these headers, the Worker reads the first in this list.
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
 * undefined if all are absent.
 * @throws {Failure} `malformed` if the header is not a valid key. If the Worker ignored such a
 * header, it could store a retry a second time.
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
