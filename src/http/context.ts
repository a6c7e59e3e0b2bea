/**
 * Gives each request its id, one structured log line, and a connection to the database. Also
 * defines `Hono`, the class of the app.
 *
 * The log line never contains a token, a body or a value. If the caller disconnects, the Worker
 * still writes the line. For this the Worker needs the compatibility flag enable_request_signal
 * (wrangler.toml).
 */
import type { Context, Env, MiddlewareHandler } from 'hono';
import { HonoBase } from 'hono/hono-base';
import { PatternRouter } from 'hono/router/pattern-router';
import type { Clock } from '../clock.ts';
import { type Connection, connect, type OperationContext, type Store } from '../db/connection.ts';
import { escapeForLog, LOGGED_ID_MAX_CHARS } from '../failure.ts';
import type { AccountId, Principal } from '../principal.ts';

export type LogLine = {
  request_id: string;
  /** The header `cf-ray`: an id by which Cloudflare's support finds the request. */
  ray?: string | undefined;
  version?: string | undefined;
  method: string;
  operation?: string;
  status?: number;
  duration_ms?: number;
  account?: string;
  key_id?: string | undefined;
  evaluation?: string;
  label?: string;
  link?: string;
  store?: Store['name'];
  db_calls?: number;
  db_attempts?: number;
  rows_read?: number;
  rows_written?: number;
  /**
   * If the Worker ignored a body that a sender posted to a link, this field tells why. The option
   * `where` of a link contains conditions for bodies. The field is the JSON Pointer of the
   * condition that the body did not meet.
   */
  ignored?: string;
  refusal?: string;
  code?: string;
  /**
   * The claim that made the token invalid. `expected` describes the accepted values. `actual` is
   * the value in the token, or only its kind, such as `a string`.
   */
  claim?: string;
  expected?: string;
  actual?: string;
  cause?: string;
};

/**
 * The variables of a request. `principal` and `connection` are undefined until authentication sets
 * them.
 */
export type AppEnv = {
  Variables: {
    clock: Clock;
    started: Date;
    /**
     * A random UUID of this request. If the request writes, db/write.ts makes the `write_id` from
     * this UUID.
     */
    uuid: string;
    log: LogLine;
    principal: Principal;
    connection: Connection;
  };
};

/**
 * Finds no route for a path that ends with a slash, except for the path `/`. PatternRouter would
 * treat `/health/` like `/health`. If `app.use` registers middleware for all paths, such as the
 * log, the middleware still runs.
 */
class StrictPatternRouter<Handler> extends PatternRouter<Handler> {
  override match(method: string, path: string) {
    return super.match(method, path.endsWith('/') && path !== '/' ? '//' : path);
  }
}

/**
 * Hono with its smallest router. The usual class `Hono` has three more routers and chooses one at
 * the first request. Without these three, the bundle is smaller and a cold start is faster.
 */
export class Hono<E extends Env> extends HonoBase<E> {
  constructor() {
    super({ router: new StrictPatternRouter() });
  }
}

/**
 * The members of a Hono context that responses and operations use. The type has only `get` and
 * `req`. So a route may add variables to its own context, and the compiler still accepts that
 * context as an AppContext.
 */
export type AppContext = Pick<Context<AppEnv>, 'get' | 'req'>;

/** Returns what an operation needs to know about the request. Call it only after authentication. */
export const getOperationContext = (c: AppContext): OperationContext => ({
  principal: c.get('principal'),
  connection: c.get('connection'),
  now: c.get('started').toISOString(),
  uuid: c.get('uuid'),
});

/**
 * Matches an `x-request-id` that the Worker accepts. The Worker replaces any other id with a UUID.
 */
const ACCEPTED_REQUEST_ID = /^[\w.:-]{1,128}$/;

/**
 * Returns the header `cf-ray`, escaped for the log. The escaping is needed if the Worker does not
 * run behind Cloudflare: the caller can then send any text in this header.
 */
const escapeRay = (ray: string | undefined) =>
  ray === undefined ? undefined : escapeForLog(ray, LOGGED_ID_MAX_CHARS);

/**
 * Gives each request its id and its log line. Writes the line when the response is ready, or when
 * the caller disconnects.
 * @param version the id of the deployed version, for the log
 */
export function requestContext(
  clock: Clock,
  version: string | undefined,
): MiddlewareHandler<AppEnv> {
  return async function requestContext(c, next) {
    const started = clock.now();
    const sent = c.req.header('x-request-id');
    const uuid = crypto.randomUUID();
    const log: LogLine = {
      request_id: sent !== undefined && ACCEPTED_REQUEST_ID.test(sent) ? sent : uuid,
      ray: escapeRay(c.req.header('cf-ray')),
      version,
      method: c.req.method,
    };
    c.set('clock', clock);
    c.set('started', started);
    c.set('uuid', uuid);
    c.set('log', log);

    let isWritten = false;
    const writeLog = (ending: Pick<LogLine, 'status' | 'refusal'>) => {
      if (isWritten) return;
      isWritten = true;
      const connection: Connection | undefined = c.get('connection');
      Object.assign(log, connection?.cost, ending, {
        duration_ms: clock.now().getTime() - started.getTime(),
      });
      const write = (log.status ?? 0) >= 500 ? console.error : console.log;
      write(JSON.stringify(log));
    };
    // After the caller disconnects, the platform runs this listener and no later code of the
    // request. So the listener must write the log line.
    c.req.raw.signal.addEventListener('abort', () => writeLog({ refusal: 'disconnected' }));

    await next();

    writeLog({ status: c.res.status });
  };
}

/**
 * The name of the header with D1's bookmark. A bookmark is a text that identifies a state of the
 * database. A read may go to a replica, which may lag behind the primary. If a caller gets a
 * bookmark in the response to a write and sends it with a later read, the read sees that write.
 */
export const BOOKMARK_HEADER = 'x-d1-bookmark';

/**
 * Matches the form of D1's bookmarks. The Worker ignores any other text, because D1 does not
 * document what it does with such a text.
 */
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

/** A write goes to the primary of D1. A read may go to a replica. */
export type Purpose = 'read' | 'write';

/** Opens a request's connection to the store of an account: D1, or the account's Durable Object. */
export type OpenConnection = (c: AppContext, account: AccountId, purpose: Purpose) => Connection;

/**
 * Returns the store that has the rows of an account: D1, or the account's Durable Object.
 * @param from tells D1 which copy of the database may answer: a bookmark, or a word such as
 * `first-primary` (db/d1.ts)
 */
export type FindStore = (account: AccountId, from: string) => Store;

/**
 * Creates the function that opens connections. In D1, a write goes to the primary. A read may go to
 * any replica. If the caller sends a bookmark, the read sees at least the state that the bookmark
 * identifies.
 */
export const createOpenConnection =
  (findStore: FindStore, clock: Clock): OpenConnection =>
  (c, account, purpose) => {
    const from =
      purpose === 'write' ? 'first-primary' : readBookmark(c.req.header(BOOKMARK_HEADER));
    return connect(findStore(account, from), clock);
  };

const readBookmark = (sent = '') => (BOOKMARK.test(sent) ? sent : 'first-unconstrained');
