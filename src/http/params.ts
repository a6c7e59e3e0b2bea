/**
 * What stands in a URL: ids in the path, `limit` and `cursor` in the query, and the link to the next page (RFC 8288). A
 * cursor is the place of the last entry of a page, so that pages neither skip nor repeat an entry while others are added.
 */
import { malformed } from '../failure.ts';
import { UUID } from '../uuid.ts';

/**
 * An id in lower case, as it is stored; any case is accepted (RFC 9562 §4).
 * @throws {Failure} `malformed` when the path parameter is not a UUID.
 */
export function uuidOf(name: string, parameter: string): string {
  if (!UUID.test(parameter)) {
    throw malformed(`The ${name} in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`);
  }
  return parameter.toLowerCase();
}

export const PAGE_MAX_ROWS = 1000;

/** @throws {Failure} `malformed`. */
export function readLimit(limit: string | undefined): number {
  if (limit === undefined) return PAGE_MAX_ROWS;
  const rows = /^[1-9]\d{0,3}$/.test(limit) ? Number(limit) : 0;
  if (rows >= 1 && rows <= PAGE_MAX_ROWS) return rows;
  throw malformed(`limit must be a whole number from 1 to ${PAGE_MAX_ROWS}.`);
}

/**
 * The parts of a cursor as it came in a Link header; undefined if none was sent.
 * @throws {Failure} `malformed` if it does not have that shape.
 */
export function readCursor(cursor: string | undefined, shape: RegExp): string[] | undefined {
  if (cursor === undefined) return undefined;
  const parts = shape.exec(decode(cursor));
  if (parts) return parts.slice(1);
  throw malformed('cursor must be one that came in a Link header, as it came.');
}

/** The header Link to the page that follows this one. Relative, so that it holds behind any proxy. */
export const linkToNext = (path: string, limit: number, ...parts: string[]) => ({
  link: `<${path}?limit=${limit}&cursor=${encode(parts.join(' '))}>; rel="next"`,
});

/** base64 without padding. Times and UUIDs need neither of the characters that have a meaning in URLs. */
const encode = (text: string) => btoa(text).replaceAll('=', '');

function decode(cursor: string): string {
  try {
    // atob accepts padding and white space; a cursor has neither.
    return /^\w+$/.test(cursor) ? atob(cursor) : '';
  } catch {
    return '';
  }
}
