/**
 * The D1 session of a request and its bookmark, which travels in `x-d1-bookmark`: a read may be answered by a replica,
 * and a caller that sends the bookmark of its write back reads that write.
 */
import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../clock.ts';
import { connect } from '../db/connection.ts';
import type { AppEnv } from './context.ts';

export const BOOKMARK_HEADER = 'x-d1-bookmark';

/** As D1 makes them. Anything else is ignored: D1 does not say what it does with one that is not its own. */
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

export type OpenSession = (purpose: 'read' | 'write') => MiddlewareHandler<AppEnv>;

export function d1Session(db: D1Database, clock: Clock): OpenSession {
  return (purpose) =>
    function d1Session(c, next) {
      const sent = purpose === 'read' ? c.req.header(BOOKMARK_HEADER) : undefined;
      const nearest = sent !== undefined && BOOKMARK.test(sent) ? sent : 'first-unconstrained';
      c.set('connection', connect(db, clock, purpose === 'write' ? 'first-primary' : nearest));
      return next();
    };
}
