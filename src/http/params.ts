/**
 * Reads the parameters of a URL: ids in the path, `limit` and `cursor` in the query. Also cuts
 * lists into pages, each with a link to the next page (RFC 8288).
 *
 * A cursor is the position of a page's last row, such as its `created_at` and `id`. It is not a
 * number of rows to skip. If rows are added between two requests, the next page still starts with
 * the row after that position. So the caller gets no row twice and misses no row.
 */
import { malformed } from '../failure.ts';
import { PAGE_MAX_ROWS, UUID } from '../limits.ts';

/**
 * Returns the UUID in a path parameter, in lower case, because the database stores UUIDs in lower
 * case. Accepts upper and lower case (RFC 9562 §4).
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
 * Returns the number of rows that a page may have, from 1 to `maxRows`. If the parameter is absent,
 * returns `maxRows`.
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
 * Returns the position after which a page starts; undefined for the first page, which has no
 * cursor.
 * @throws {Failure} `malformed`.
 */
export function readPositionCursor(
  cursor: string | undefined,
): { created_at: string; id: string } | undefined {
  const [created_at, id] = readCursor(cursor, POSITION_CURSOR);
  return created_at === undefined || id === undefined ? undefined : { created_at, id };
}

/**
 * Returns the time after which a page starts; undefined for the first page, which has no cursor.
 * The cursor of an evaluation's history contains only a time, because the history is ordered by
 * time alone.
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
 * @param getPosition returns the columns that order the list, for the cursor
 * @param query the other parameters of the request, which the link repeats
 * @param end the last row that the query read. Set `end` if the caller of this function filtered
 * the rows after the query and the list may have more rows. If `rows` then has at most `limit`
 * rows, the next page starts after `end`.
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

/**
 * Encodes a cursor as base64 without padding. The result never contains `+` or `/`, which have a
 * meaning in URLs. The reason is that a cursor contains only times and UUIDs.
 */
const encodeCursor = (text: string) => btoa(text).replaceAll('=', '');

function decodeCursor(cursor: string): string {
  try {
    // atob would also accept padding and white space, which no cursor has.
    return /^\w+$/.test(cursor) ? atob(cursor) : '';
  } catch {
    return '';
  }
}
