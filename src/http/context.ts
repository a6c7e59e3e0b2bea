/**
 * Gives each request its id, one log line, and a connection to the database. The log line never
 * contains a token, a body or a value.
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
  /** The JSON Pointer of the condition in a link's `where` that the ignored body did not meet. */
  ignored?: string;
  refusal?: string;
  code?: string;
  claim?: string;
  expected?: string;
  actual?: string;
  cause?: string;
};

/** `principal` and `connection` are undefined until authentication sets them. */
export type AppEnv = {
  Variables: {
    clock: Clock;
    started: Date;
    /** db/write.ts makes the `write_id` of a write from this UUID. */
    uuid: string;
    log: LogLine;
    principal: Principal;
    connection: Connection;
  };
};

/**
 * A router that finds no route for a path with a slash at the end. PatternRouter would treat
 * `/health/` like `/health`.
 */
class StrictPatternRouter<Handler> extends PatternRouter<Handler> {
  override match(method: string, path: string) {
    return super.match(method, path.endsWith('/') && path !== '/' ? '//' : path);
  }
}

/** Hono with its smallest router, which makes the bundle smaller and a cold start faster. */
export class Hono<E extends Env> extends HonoBase<E> {
  constructor() {
    super({ router: new StrictPatternRouter() });
  }
}

export type AppContext = Pick<Context<AppEnv>, 'get' | 'req'>;

/** Returns what an operation needs to know about the request. Call it only after authentication. */
export const getOperationContext = (c: AppContext): OperationContext => ({
  principal: c.get('principal'),
  connection: c.get('connection'),
  now: c.get('started').toISOString(),
  uuid: c.get('uuid'),
});

const ACCEPTED_REQUEST_ID = /^[\w.:-]{1,128}$/;

/** A caller can choose `cf-ray` if the Worker does not run behind Cloudflare. */
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
    // After the caller disconnects, the platform runs only this listener.
    c.req.raw.signal.addEventListener('abort', () => writeLog({ refusal: 'disconnected' }));

    await next();

    writeLog({ status: c.res.status });
  };
}

/**
 * The header with D1's bookmark, which identifies a state of the database. If a caller sends the
 * bookmark of a write with a later read, the read sees that write.
 */
export const BOOKMARK_HEADER = 'x-d1-bookmark';

/** Matches a bookmark. D1 does not document what it does with any other text. */
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

/** A write goes to the primary of D1. A read may go to a replica. */
export type Purpose = 'read' | 'write';

/** Opens a request's connection to the store of an account. */
export type OpenConnection = (c: AppContext, account: AccountId, purpose: Purpose) => Connection;

/**
 * Returns the store that has the rows of an account: D1, or the account's Durable Object.
 * @param from a bookmark, or a word such as `first-primary` (db/d1.ts)
 */
export type FindStore = (account: AccountId, from: string) => Store;

/**
 * Creates the function that opens connections. If the caller sends a bookmark, a read sees at least
 * the state that the bookmark identifies.
 */
export const createOpenConnection =
  (findStore: FindStore, clock: Clock): OpenConnection =>
  (c, account, purpose) => {
    const from =
      purpose === 'write' ? 'first-primary' : readBookmark(c.req.header(BOOKMARK_HEADER));
    return connect(findStore(account, from), clock);
  };

const readBookmark = (sent = '') => (BOOKMARK.test(sent) ? sent : 'first-unconstrained');
