/**
 * Gives each request its id, one structured log line, and a connection to the database. Also
 * defines `Hono`, the class of the app. The log line never contains a token, a body or a value. If
 * the caller disconnects, the Worker still writes the line. That needs the compatibility flag
 * enable_request_signal (wrangler.toml).
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
   * A link may have conditions for the bodies that it accepts (its option `where`). If the Worker
   * ignored a body, this is the JSON Pointer of the condition that the body did not meet.
   */
  ignored?: string;
  refusal?: string;
  code?: string;
  /** The claim that made the token invalid, with its expected and its actual value. */
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
    /** A random UUID of this request. A write gets its `write_id` from it (db/write.ts). */
    uuid: string;
    log: LogLine;
    principal: Principal;
    connection: Connection;
  };
};

/**
 * Serves no route at a path that ends with a slash, except at `/` itself. PatternRouter would serve
 * `/health/` like `/health`. Middleware that `app.use` registers for all paths, such as the log,
 * still runs.
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
 * The part of a Hono context that responses and operations need. The type has only `get` and `req`,
 * so that a route whose context has more variables can pass its context too.
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
 * Returns the header `cf-ray`, escaped for the log. If the Worker does not run behind Cloudflare,
 * the caller can send any text in this header.
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
    // If the caller disconnects, this listener is the last code of the request that may run.
    c.req.raw.signal.addEventListener('abort', () => writeLog({ refusal: 'disconnected' }));

    await next();

    writeLog({ status: c.res.status });
  };
}

/**
 * The header with D1's bookmark, which identifies a state of the database. A read may come from a
 * replica that lags behind. If the caller sends the bookmark of a write with a read, the read sees
 * that write.
 */
export const BOOKMARK_HEADER = 'x-d1-bookmark';

/**
 * Matches the form of D1's bookmarks. The Worker ignores any other text, because D1 does not
 * document what it does with such a text.
 */
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

/** A write starts at the primary of D1. A read may start at a replica. */
export type Purpose = 'read' | 'write';

/** Opens a request's connection to the store of an account. */
export type OpenConnection = (c: AppContext, account: AccountId, purpose: Purpose) => Connection;

/**
 * Returns the store that has the rows of an account.
 * @param from where a D1 session starts: a bookmark, or a word such as `first-primary` (db/d1.ts)
 */
export type FindStore = (account: AccountId, from: string) => Store;

/**
 * Creates the function that opens connections. In D1, a write goes to the primary. A read starts at
 * the bookmark that the caller sends, or at any replica.
 */
export const createOpenConnection =
  (findStore: FindStore, clock: Clock): OpenConnection =>
  (c, account, purpose) => {
    const from =
      purpose === 'write' ? 'first-primary' : readBookmark(c.req.header(BOOKMARK_HEADER));
    return connect(findStore(account, from), clock);
  };

const readBookmark = (sent = '') => (BOOKMARK.test(sent) ? sent : 'first-unconstrained');
