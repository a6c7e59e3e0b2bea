/**
 * Entity tags and preconditions (RFC 9110 §8.8.3, §13.1). A resource has a version, a short text that differs
 * between any two of its states; its strong entity tag is that text in quotes.
 */
import { malformed } from '../failure.ts';

/**
 * The headers of a response with a version. `no-transform`, because an edge that compresses a response makes its strong
 * entity tag a weak one, which If-Match never matches.
 */
export const validatorsOf = (version: string) => ({
  etag: `"${version}"`,
  'cache-control': 'no-store, no-transform',
});

/** `*` with the white space of HTTP around it, which is less than JavaScript's. */
const ANY = /^[ \t]*\*[ \t]*$/;

/** One element of the list: an entity tag, weak or strong, or nothing, which a recipient must accept (§5.6.1). */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;

/**
 * The versions that If-Match names; undefined if the write is unconditional: no header, or `*`.
 * A weak tag never matches (§13.1.1), so it is not among them.
 * @throws {Failure} `malformed` if the header is no list of entity tags: guessing could overwrite what was to be kept.
 */
export function readIfMatch(header: string | undefined): readonly string[] | undefined {
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
 * Whether If-None-Match names the version, so that the caller has it already. Weak tags match too (§13.1.2): an edge may
 * have weakened ours. What is no list of tags matches nothing: the caller gets the full response.
 */
export function hasVersion(header: string | undefined, version: string): boolean {
  if (header === undefined) return false;
  return ANY.test(header) || (readTags(header)?.some((tag) => tag.version === version) ?? false);
}

/** @throws {Failure} `malformed`: no update can satisfy If-None-Match, and it must not be ignored (§13.1.2). */
export function refuseIfNoneMatch(header: string | undefined): void {
  if (header === undefined) return;
  throw malformed('An update takes If-Match, not If-None-Match: what it changes must exist.');
}

type Tag = { readonly weak: boolean; readonly version: string };

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
