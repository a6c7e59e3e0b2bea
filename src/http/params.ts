/**
 * Reads the parameters of a URL, and cuts lists into pages with links (RFC 8288). A cursor is the
 * position of a page's last row, so added rows never shift the next page.
 */
import { malformed } from '../failure.ts';
import { PAGE_MAX_ROWS, UUID } from '../limits.ts';

/**
 * Returns the UUID in a path parameter, in lower case. Accepts upper and lower case (RFC 9562 §4).
 * @throws {Failure} `malformed`.
 */
export function requireUuid(name: string, parameter: string): string {
  if (!UUID.test(parameter)) {
    throw malformed(
      `The ${name} in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`,
    );
  }
  return parameter.toLowerCase();
}

/**
 * Returns the UUID in a query parameter, in lower case; undefined if the parameter is absent.
 * @throws {Failure} `malformed`.
 */
export function readOptionalUuid(name: string, parameter: string | undefined): string | undefined {
  if (parameter === undefined || UUID.test(parameter)) return parameter?.toLowerCase();
  throw malformed(`${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`);
}

/**
 * Returns the number of rows that a page may have: `maxRows` if the parameter is absent.
 * @throws {Failure} `malformed`.
 */
export function readLimit(limit: string | undefined, maxRows = PAGE_MAX_ROWS): number {
  if (limit === undefined) return maxRows;
  const rows = /^[1-9]\d{0,3}$/.test(limit) ? Number(limit) : 0;
  if (rows >= 1 && rows <= maxRows) return rows;
  throw malformed(`limit must be a whole number from 1 to ${maxRows}.`);
}

const TIME = String.raw`(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)`;
const TIME_CURSOR = new RegExp(`^${TIME}$`);
const POSITION_CURSOR = new RegExp(`^${TIME} ([0-9a-f-]{36})$`);

/**
 * Returns the position after which a page starts; undefined for the first page.
 * @throws {Failure} `malformed`.
 */
export function readPositionCursor(
  cursor: string | undefined,
): { created_at: string; id: string } | undefined {
  const [created_at, id] = readCursor(cursor, POSITION_CURSOR);
  return created_at === undefined || id === undefined ? undefined : { created_at, id };
}

/**
 * Returns the time after which a page of an evaluation's history starts; undefined for the first
 * page.
 * @throws {Failure} `malformed`.
 */
export const readTimeCursor = (cursor: string | undefined): string | undefined =>
  readCursor(cursor, TIME_CURSOR)[0];

function readCursor(cursor: string | undefined, shape: RegExp): readonly string[] {
  if (cursor === undefined) return [];
  const parts = shape.exec(decodeCursor(cursor));
  if (parts) return parts.slice(1);
  throw malformed('cursor must be one that came in a Link header, as it came.');
}

/**
 * Cuts a page from rows, and makes the header Link if there is a next page.
 * @param rows up to `limit + 1` rows. A row beyond the limit shows that a next page exists.
 * @param path the path of the list. The link is relative, so that it works behind any proxy.
 * @param query the other parameters of the request, which the link repeats
 * @param end the last row that the query read, if the caller filtered the rows and more may follow
 */
export function cutPage<Row>(
  rows: readonly Row[],
  limit: number,
  path: string,
  getPosition: (last: Row) => readonly string[],
  { query, end }: { query?: Readonly<Record<string, string>>; end?: Row | undefined } = {},
): { readonly page: readonly Row[]; readonly link: { link: string } | undefined } {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : end;
  if (last === undefined) return { page, link: undefined };
  const next = new URLSearchParams({
    ...query,
    limit: `${limit}`,
    cursor: encodeCursor(getPosition(last).join(' ')),
  });
  return { page, link: { link: `<${path}?${next}>; rel="next"` } };
}

/** Encodes times and UUIDs as base64 without padding, which never contains `+` or `/`. */
const encodeCursor = (text: string) => btoa(text).replaceAll('=', '');

function decodeCursor(cursor: string): string {
  try {
    // atob would also accept padding and white space, which no cursor has.
    return /^\w+$/.test(cursor) ? atob(cursor) : '';
  } catch {
    return '';
  }
}
