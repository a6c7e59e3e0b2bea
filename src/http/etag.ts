/**
 * Entity tags and preconditions (RFC 9110 §8.8.3, §13.1). A resource has a version, a short text that differs
 * between any two of its states; its strong entity tag is that text in quotes.
 */
import { Failure } from '../failure';

export const etagOf = (version: string) => `"${version}"`;

/** One element of the list: an entity tag, weak or strong, or nothing, which a recipient must put up with (§5.6.1). */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y;

/**
 * The versions that If-Match names; undefined where the write is unconditional, by the header's absence or by `*`.
 * A weak tag never matches (§13.1.1), so it is not among them.
 * @throws {Failure} `malformed` where the header is no list of entity tags: guessing could overwrite what was to be kept.
 */
export function readIfMatch(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  const versions: string[] = [];
  ELEMENT.lastIndex = 0;
  while (ELEMENT.lastIndex < header.length) {
    const element = ELEMENT.exec(header);
    if (!element) {
      throw new Failure({
        kind: 'malformed',
        error: 'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
      });
    }
    const [, weak, version] = element;
    if (version !== undefined && weak === undefined) versions.push(version);
  }
  return versions;
}
