/**
 * Creates all responses except preflight responses, which hono creates (cors.ts). Adds the headers
 * that all responses share. Passes all headers when it creates a Response, because setting a header
 * on a finished Response costs more CPU.
 */
import type { Connection } from '../db/connection.ts';
import { getVersion } from '../db/write.ts';
import { preconditionFailed } from '../failure.ts';
import { type AppContext, BOOKMARK_HEADER } from './context.ts';
import type { ReadPreconditions } from './preconditions.ts';

type Headers = Readonly<Record<string, string>>;

/** Creates a response with a text body. If `body` is null, the response has no body. */
export const respond = (
  c: AppContext,
  status: number,
  body: string | null,
  headers?: Headers,
): Response =>
  new Response(body, { status, headers: { ...createSharedHeaders(c, status), ...headers } });

/** Creates a response whose body is a value as JSON. */
export const respondJson = (
  c: AppContext,
  status: number,
  value: unknown,
  headers?: Headers,
): Response =>
  respond(c, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });

/**
 * Returns the headers of a response that contains a version: the entity tag and Cache-Control.
 * `no-transform` keeps Cloudflare and other proxies from compressing the response. Compression
 * would make the entity tag weak, and If-Match never matches a weak tag.
 */
export const createValidators = (version: string) => ({
  etag: `"${version}"`,
  'cache-control': 'no-store, no-transform',
});

/** The fields of a resource from which getVersion reads the version (db/write.ts). */
type Resource = { readonly created_at: string; readonly updated_at?: string };

/** Creates the response with a resource and its ETag. */
export const respondResource = (
  c: AppContext,
  status: 200 | 201,
  resource: Resource,
  headers?: Headers,
): Response =>
  respondJson(c, status, resource, { ...createValidators(getVersion(resource)), ...headers });

/**
 * Creates the response to a read of one resource: 200, or 304 if the caller already has the
 * version. Evaluates If-Match before If-None-Match (RFC 9110 §13.2.2). If If-Match does not match,
 * the caller reads a sentence with `noun`, such as `evaluation`.
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

/**
 * Returns the headers that all responses share. They forbid caches to store the response and
 * browsers to guess its type. They also give the caller the request id and D1's bookmark.
 */
export function createSharedHeaders(c: AppContext, status: number): Headers {
  const connection: Connection | undefined = c.get('connection');
  const bookmark = connection?.bookmark();
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': c.get('log').request_id,
    // If a token is restricted to another run or evaluation, the Worker answers 404 without a call
    // to D1, so there is no bookmark. If a row is missing or belongs to another account, D1 returns
    // a bookmark. A bookmark would tell the caller which of the two happened, so a 404 never has
    // one.
    ...(bookmark && status !== 404 ? { [BOOKMARK_HEADER]: bookmark } : {}),
  };
}
