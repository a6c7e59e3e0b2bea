/**
 * The D1 session of a request and its bookmark, which travels in `x-d1-bookmark`: a read may be answered by a replica,
 * and a caller that sends the bookmark of its write back reads that write.
 */
import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../clock.ts';
import { connect } from '../db/connection.ts';
import type { AppEnv } from './context.ts';

export const BOOKMARK_HEADER = 'x-d1-bookmark';

/** The form of D1's bookmarks. D1 does not document how it treats any other text, so another text is ignored. */
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

export type OpenSession = (purpose: 'read' | 'write') => MiddlewareHandler<AppEnv>;

export function d1Session(db: D1Database, clock: Clock): OpenSession {
  return (purpose) =>
    function d1Session(c, next) {
      const sent = c.req.header(BOOKMARK_HEADER) ?? '';
      const start = BOOKMARK.test(sent) ? sent : 'first-unconstrained';
      c.set('connection', connect(db, clock, purpose === 'write' ? 'first-primary' : start));
      return next();
    };
}
