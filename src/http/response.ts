/**
 * The one place where answers are made, with the headers that all of them share. Each in one piece: a header that is
 * set on a Response later costs more CPU than one that is there from the start.
 */
import type { Context } from 'hono';
import type { Connection } from '../db/connection.ts';
import type { AppEnv } from './context.ts';
import { BOOKMARK_HEADER } from './session.ts';

type Headers = Readonly<Record<string, string>>;

export const respond = (c: Context<AppEnv>, status: number, body: string | null, headers?: Headers): Response =>
  new Response(body, { status, headers: { ...sharedHeaders(c, status), ...headers } });

export const respondJson = (c: Context<AppEnv>, status: number, value: unknown, headers?: Headers): Response =>
  respond(c, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });

/** The request id, what keeps the answer out of caches and from being sniffed, and how far the database had got. */
export function sharedHeaders(c: Context<AppEnv>, status: number): Headers {
  const connection: Connection | undefined = c.get('connection');
  const bookmark = connection?.bookmark();
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': c.get('log').request_id,
    // Not on a 404: it must be the same bytes whether the row is missing, foreign, or behind another door.
    ...(bookmark && status !== 404 ? { [BOOKMARK_HEADER]: bookmark } : {}),
  };
}
