/**
 * Reads the preconditions (RFC 9110 §13.1) and the idempotency key of a request. An entity tag is a
 * resource's version in quotes (§8.8.3).
 */
import { malformed } from '../failure.ts';
import type { AppContext } from './context.ts';

/** Matches `*`. `\s` would match characters that HTTP does not count as white space. */
const ANY = /^[ \t]*\*[ \t]*$/;

/** Matches one element of a list of entity tags, which may be empty (RFC 9110 §5.6.1). */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;

type Tag = { readonly weak: boolean; readonly version: string };

/**
 * Leaves out If-Range, because a server ignores If-Range without the header Range (RFC 9110
 * §13.1.5).
 */
const PRECONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'];

/**
 * Refuses a request with a precondition that the operation does not evaluate. If the Worker ignored
 * If-Unmodified-Since, a write could overwrite a newer change.
 * @throws {Failure} `malformed`.
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
 * Reads If-Match and the idempotency key of an update.
 * @throws {Failure} `malformed`.
 */
export const parseUpdatePreconditions = (c: AppContext) => ({
  versions: parseIfMatch(c),
  key: readIdempotencyKey(c.req.raw.headers),
});

/**
 * Returns the versions in If-Match; undefined if the header is absent or `*`.
 * @throws {Failure} `malformed`.
 */
export function parseIfMatch(c: AppContext): readonly string[] | undefined {
  refusePreconditions(c, 'If-Match');
  return readIfMatch(c.req.header('if-match'));
}

/** A caller needs far fewer versions. */
const VERSIONS_MAX_COUNT = 100;

/** Matches a version, which is a time (db/write.ts). */
const VERSION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Returns the different versions in If-Match; undefined if the header is absent or `*`. Leaves out
 * weak tags, because If-Match never matches a weak tag (RFC 9110 §13.1.1).
 * @throws {Failure} `malformed`.
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
  /** Returns true if the caller already has the version. */
  readonly isKnown: (version: string) => boolean;
};

/**
 * Reads If-Match and If-None-Match. A weak tag counts in If-None-Match (RFC 9110 §13.1.2), because
 * a proxy may have made the tag weak.
 * @throws {Failure} `malformed` if If-Match is malformed. A malformed If-None-Match is ignored.
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
 * Idempotency-Key comes from an IETF draft (idempotency-key-header), webhook-id from Standard
 * Webhooks, and svix-id from Svix. The Worker reads only the first that a request has.
 */
const KEY_HEADERS = ['idempotency-key', 'webhook-id', 'svix-id'] as const;

/** Matches 1 to 255 visible ASCII characters, which may be in double quotes (RFC 9651 §3.3.3). */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

export type Key = { readonly header: string; readonly key: string };

/**
 * Reads the idempotency key from the first header in `names` that the request has; undefined if it
 * has none.
 * @throws {Failure} `malformed`. If the Worker ignored an invalid key, it could store a retry
 * twice.
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
