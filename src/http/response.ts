/**
 * The one place where responses are made, with the headers that all of them share. Each is made in one piece: setting a
 * header on a finished Response costs more CPU than creating it with that header.
 */
import type { Connection } from '../db/connection.ts';
import { versionOf } from '../db/write.ts';
import { preconditionFailed } from '../failure.ts';
import { type AppContext, BOOKMARK_HEADER } from './context.ts';
import type { ReadPreconditions } from './preconditions.ts';

type Headers = Readonly<Record<string, string>>;

export const respond = (
  c: AppContext,
  status: number,
  body: string | null,
  headers?: Headers,
): Response => new Response(body, { status, headers: { ...sharedHeaders(c, status), ...headers } });

export const respondJson = (
  c: AppContext,
  status: number,
  value: unknown,
  headers?: Headers,
): Response =>
  respond(c, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });

/**
 * The headers of a response with a version. An edge that compresses a response makes its strong
 * entity tag a weak one, which If-Match never matches: hence `no-transform`.
 */
export const validatorsOf = (version: string) => ({
  etag: `"${version}"`,
  'cache-control': 'no-store, no-transform',
});

type Resource = { readonly created_at: string; readonly updated_at?: string };

export const respondResource = (
  c: AppContext,
  status: 200 | 201,
  resource: Resource,
  headers?: Headers,
): Response =>
  respondJson(c, status, resource, { ...validatorsOf(versionOf(resource)), ...headers });

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
  const version = versionOf(resource);
  if (versions && !versions.includes(version)) throw preconditionFailed(noun, version);
  if (!isKnown(version)) return respondResource(c, 200, resource);
  return respond(c, 304, null, validatorsOf(version));
}

/** The request id, what forbids caching and sniffing, and the database's bookmark. */
export function sharedHeaders(c: AppContext, status: number): Headers {
  const connection: Connection | undefined = c.get('connection');
  const bookmark = connection?.bookmark();
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': c.get('log').request_id,
    // Not on a 404: it must be the same bytes whether the row is missing, another account's, or outside the restriction.
    ...(bookmark && status !== 404 ? { [BOOKMARK_HEADER]: bookmark } : {}),
  };
}
