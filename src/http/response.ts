/**
 * The one place where responses are made, with the headers that all of them share. Each is made in one piece: setting a
 * header on a finished Response costs more CPU than creating it with that header.
 */
import type { Connection } from '../db/connection.ts';
import type { AppContext } from './context.ts';
import { BOOKMARK_HEADER } from './session.ts';

type Headers = Readonly<Record<string, string>>;

export const respond = (c: AppContext, status: number, body: string | null, headers?: Headers): Response =>
  new Response(body, { status, headers: { ...sharedHeaders(c, status), ...headers } });

export const respondJson = (c: AppContext, status: number, value: unknown, headers?: Headers): Response =>
  respond(c, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });

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
