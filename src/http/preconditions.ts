/**
 * What a request asks of a write or a read besides its content: preconditions on entity tags (RFC
 * 9110 §8.8.3, §13.1), and the caller's name for the write. A resource has a version, a short text
 * that differs between any two of its states; its strong entity tag is that text in quotes.
 */
import { malformed } from '../failure.ts';
import type { AppContext } from './context.ts';

/** Matches `*` with the white space of HTTP around it, which is less than JavaScript's. */
const ANY = /^[ \t]*\*[ \t]*$/;

/** Matches an entity tag, weak or strong, or an empty list element, which §5.6.1 permits. */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;

type Tag = { readonly weak: boolean; readonly version: string };

/**
 * Reads what a caller asks of an update: the versions of which one must be stored, and the key.
 * @throws {Failure} `malformed`. An update cannot satisfy If-None-Match and must not ignore it
 * (§13.1.2).
 */
export function readPreconditions({ req }: AppContext) {
  if (req.header('if-none-match') !== undefined) {
    throw malformed('An update takes If-Match, not If-None-Match: what it changes must exist.');
  }
  return {
    versions: readIfMatch(req.header('if-match')),
    key: readIdempotencyKey(req.raw.headers),
  };
}

/**
 * Reads the versions in If-Match; undefined if there is no header, or `*`. A weak tag never matches
 * (§13.1.1).
 * @throws {Failure} `malformed` if the header is no list of entity tags: a guess could overwrite
 * what the caller wants to keep.
 */
function readIfMatch(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || ANY.test(header)) return undefined;
  const tags = readTags(header);
  if (!tags) {
    throw malformed(
      'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
    );
  }
  return tags.filter(({ weak }) => !weak).map(({ version }) => version);
}

/**
 * Returns true if If-None-Match names the version: the caller already has it. Weak tags match too
 * (§13.1.2), because an edge may have weakened ours. A malformed header matches nothing: then the
 * caller gets the full response.
 */
export function isKnownToCaller({ req }: AppContext, version: string): boolean {
  const header = req.header('if-none-match');
  if (header === undefined) return false;
  return ANY.test(header) || (readTags(header)?.some((tag) => tag.version === version) ?? false);
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
 * that webhook senders use (Standard Webhooks, Svix). The first one that was sent counts.
 */
const KEY_HEADERS = ['idempotency-key', 'webhook-id', 'svix-id'] as const;

/** Visible ASCII without quotes, or the same in quotes, as the draft writes it (RFC 9651 §3.3.3). */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** @throws {Failure} `malformed` for a header that is no key: ignoring it could store a retry. */
export function readIdempotencyKey(headers: Headers): string | undefined {
  const name = KEY_HEADERS.find((header) => headers.has(header));
  if (name === undefined) return undefined;
  const [, quoted, plain] = KEY.exec(headers.get(name) ?? '') ?? [];
  const key = quoted ?? plain;
  if (key !== undefined) return key;
  throw malformed(
    `The header ${name} must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.`,
  );
}
