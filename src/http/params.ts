/**
 * What stands in a URL: ids in the path, `limit` and `cursor` in the query, and the link to the next page (RFC 8288). A
 * cursor is the place of the last entry of a page, so that pages neither skip nor repeat an entry while others are added.
 */
import { malformed } from '../failure.ts';
import { PAGE_MAX_ROWS, UUID } from '../limits.ts';

/**
 * An id in lower case, as it is stored; any case is accepted (RFC 9562 §4).
 * @throws {Failure} `malformed` when the path parameter is not a UUID.
 */
export function uuidOf(name: string, parameter: string): string {
  if (!UUID.test(parameter)) {
    throw malformed(
      `The ${name} in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`,
    );
  }
  return parameter.toLowerCase();
}

/** The same of a parameter of the query, undefined if it was not sent. @throws {Failure} `malformed`. */
export function readUuid(name: string, parameter: string | undefined): string | undefined {
  if (parameter === undefined || UUID.test(parameter)) return parameter?.toLowerCase();
  throw malformed(`${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`);
}

/** @throws {Failure} `malformed`. */
export function readLimit(limit: string | undefined, maxRows = PAGE_MAX_ROWS): number {
  if (limit === undefined) return maxRows;
  const rows = /^[1-9]\d{0,3}$/.test(limit) ? Number(limit) : 0;
  if (rows >= 1 && rows <= maxRows) return rows;
  throw malformed(`limit must be a whole number from 1 to ${maxRows}.`);
}

const TIME = String.raw`(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)`;
const TIME_CURSOR = new RegExp(`^${TIME}$`);
const PLACE_CURSOR = new RegExp(`^${TIME} ([0-9a-f-]{36})$`);

/**
 * The place after which a page starts, if a cursor came in a link; undefined if none was sent.
 * @throws {Failure} `malformed`.
 */
export function readPlace(
  cursor: string | undefined,
): { created_at: string; id: string } | undefined {
  const [created_at, id] = readCursor(cursor, PLACE_CURSOR);
  return created_at === undefined || id === undefined ? undefined : { created_at, id };
}

/** The same, of a list that is ordered by one time. @throws {Failure} `malformed`. */
export const readTime = (cursor: string | undefined): string | undefined =>
  readCursor(cursor, TIME_CURSOR)[0];

function readCursor(cursor: string | undefined, shape: RegExp): readonly string[] {
  if (cursor === undefined) return [];
  const parts = shape.exec(decode(cursor));
  if (parts) return parts.slice(1);
  throw malformed('cursor must be one that came in a Link header, as it came.');
}

/**
 * A page of the rows that were read, one more than it may have, which tells whether there are more; and the header Link to
 * the next one. Relative, so that it holds behind any proxy. `query` is what the caller asked for besides the page.
 */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  path: string,
  placeOf: (last: Row) => readonly string[],
  query: Readonly<Record<string, string>> = {},
): { readonly page: readonly Row[]; readonly link: { link: string } | undefined } {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  if (last === undefined) return { page, link: undefined };
  const next = new URLSearchParams({
    ...query,
    limit: `${limit}`,
    cursor: encode(placeOf(last).join(' ')),
  });
  return { page, link: { link: `<${path}?${next}>; rel="next"` } };
}

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
