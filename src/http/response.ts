/**
 * Creates all responses except preflight responses. Passes all headers to `new Response`, because
 * setting a header later costs more CPU.
 */
import type { Connection } from '../db/connection.ts';
import { getVersion } from '../db/write.ts';
import { preconditionFailed } from '../failure.ts';
import { type AppContext, BOOKMARK_HEADER } from './context.ts';
import type { ReadPreconditions } from './preconditions.ts';

type Headers = Readonly<Record<string, string>>;

/** Creates a response with a text body, or without a body. */
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
 * Returns the entity tag and Cache-Control of a response with a version. `no-transform` keeps
 * proxies from compressing the response, which would make the entity tag weak.
 */
export const createValidators = (version: string) => ({
  etag: `"${version}"`,
  'cache-control': 'no-store, no-transform',
});

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
 * Creates the response to a read: 200, or 304 if the caller already has the version. Evaluates
 * If-Match before If-None-Match (RFC 9110 §13.2.2).
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

/** Returns the headers that all responses share. */
export function createSharedHeaders(c: AppContext, status: number): Headers {
  const connection: Connection | undefined = c.get('connection');
  const bookmark = connection?.bookmark();
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': c.get('log').request_id,
    // A bookmark on a 404 would tell the caller whether the Worker called D1.
    ...(bookmark && status !== 404 ? { [BOOKMARK_HEADER]: bookmark } : {}),
  };
}
