/**
 * The D1 session of a request and its bookmark, which travels in `x-d1-bookmark`: a read may be answered by a replica,
 * and a caller that sends the bookmark of its write back reads that write.
 */
import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../clock.ts';
import { startOf } from '../db/bookmark.ts';
import { connect } from '../db/connection.ts';
import type { Databases } from '../db/databases.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import type { AppEnv } from './context.ts';

export const BOOKMARK_HEADER = 'x-d1-bookmark';

export type OpenSession = (purpose: 'read' | 'write') => MiddlewareHandler<AppEnv>;

/** Behind authentication: the account of the verified token, and nothing else, decides which database it is. */
export function d1Session(databases: () => Databases, clock: Clock): OpenSession {
  return (purpose) =>
    function d1Session(c, next) {
      const { of, all } = databases();
      const { account } = c.get('principal');
      const database = of(account);
      c.get('log').database = database.name;
      const from = purpose === 'write' ? 'first-primary' : startOf(database.name, c.req.header(BOOKMARK_HEADER));
      const isForAll = purpose === 'write' && account === SHARED_ACCOUNT;
      c.set('connection', connect(database, clock, from, isForAll ? all.filter((other) => other !== database) : []));
      return next();
    };
}
