/**
 * Makes every response, with the headers that all responses share; only hono makes preflights
 * (cors.ts). Each response is made in one piece: setting a header on a finished Response costs more
 * CPU than creating it with that header.
 */
import type { Connection } from '../db/connection.ts';
import { getVersion } from '../db/write.ts';
import { preconditionFailed } from '../failure.ts';
import { type AppContext, BOOKMARK_HEADER } from './context.ts';
import type { ReadPreconditions } from './preconditions.ts';

type Headers = Readonly<Record<string, string>>;

export const respond = (
  c: AppContext,
  status: number,
  body: string | null,
  headers?: Headers,
): Response =>
  new Response(body, { status, headers: { ...createSharedHeaders(c, status), ...headers } });

export const respondJson = (
  c: AppContext,
  status: number,
  value: unknown,
  headers?: Headers,
): Response =>
  respond(c, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });

/**
 * Returns the headers of a response with a version. `no-transform` keeps an edge from compressing
 * the response: that would weaken the entity tag, and If-Match never matches a weak tag.
 */
export const createValidators = (version: string) => ({
  etag: `"${version}"`,
  'cache-control': 'no-store, no-transform',
});

/** The fields of a resource that are its version (db/write.ts). */
type Resource = { readonly created_at: string; readonly updated_at?: string };

/** Responds with a resource and its ETag. */
export const respondResource = (
  c: AppContext,
  status: 200 | 201,
  resource: Resource,
  headers?: Headers,
): Response =>
  respondJson(c, status, resource, { ...createValidators(getVersion(resource)), ...headers });

/**
 * Responds to a read of one resource, in the order of RFC 9110 §13.2.2. `noun` names the resource.
 * @throws {Failure} `precondition_failed`.
 */
export function respondToRead(
  c: AppContext,
  resource: Resource,
  noun: string,
  { versions, isKnown }: ReadPreconditions,
): Response {
  const version = getVersion(resource);
  if (versions && !versions.includes(version)) throw preconditionFailed(noun, version);
  if (!isKnown(version)) return respondResource(c, 200, resource);
  return respond(c, 304, null, createValidators(version));
}

/** Returns the request id, the headers that forbid caching and sniffing, and D1's bookmark. */
export function createSharedHeaders(c: AppContext, status: number): Headers {
  const connection: Connection | undefined = c.get('connection');
  const bookmark = connection?.bookmark();
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': c.get('log').request_id,
    // A 404 has no bookmark. Its bytes must be the same for a missing row, another account's row,
    // and a row outside the token's restriction.
    ...(bookmark && status !== 404 ? { [BOOKMARK_HEADER]: bookmark } : {}),
  };
}
