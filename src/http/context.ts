/**
 * The app's class, and what every request has: an id and one structured log line. The line never
 * contains a token, a body or a value. A request whose caller disconnects has its line too, which
 * needs enable_request_signal (wrangler.toml).
 */
import type { Context, Env, MiddlewareHandler } from 'hono';
import { HonoBase } from 'hono/hono-base';
import { PatternRouter } from 'hono/router/pattern-router';
import type { Clock } from '../clock.ts';
import type { Connection, OperationContext } from '../db/connection.ts';
import type { Principal } from '../principal.ts';

export type LogLine = {
  request_id: string;
  /** Cloudflare's own id of the request, by which its support finds it. */
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
  d1_calls?: number;
  d1_attempts?: number;
  rows_read?: number;
  rows_written?: number;
  refusal?: string;
  code?: string;
  /** Of a refused token: which claim was expected to be what, and what it was (auth/refusal.ts). */
  claim?: string;
  expected?: string;
  actual?: string;
  cause?: string;
};

/** What a handler finds. Before bearer authentication there is no principal yet, and before the session no connection. */
export type AppEnv = {
  Variables: { clock: Clock; log: LogLine; principal: Principal; connection: Connection };
};

/** PatternRouter ignores a slash at the end of a path. Here that is another path, without a route. */
class StrictPatternRouter<Handler> extends PatternRouter<Handler> {
  override match(method: string, path: string) {
    return super.match(method, path.endsWith('/') ? '/' : path);
  }
}

/**
 * Hono with its smallest router. Its usual class brings three others and chooses one at the first
 * request, which would add 2.4 KiB (gzip) to the bundle and a quarter to the start-up.
 */
export class Hono<E extends Env> extends HonoBase<E> {
  constructor() {
    super({ router: new StrictPatternRouter() });
  }
}

/** As much of a context as responses and operations need, so that a route may add variables of its own. */
export type AppContext = Pick<Context<AppEnv>, 'get' | 'req'>;

/** What an operation needs to know, for a handler behind authentication and session. */
export const operationContext = (c: AppContext): OperationContext => ({
  principal: c.get('principal'),
  connection: c.get('connection'),
  now: c.get('clock').now().toISOString(),
});

/** What a caller may send as its own `x-request-id` and gets back; anything else is replaced by a fresh UUID. */
const SANE_REQUEST_ID = /^[\w.:-]{1,128}$/;

export function requestContext(
  clock: Clock,
  version: string | undefined,
): MiddlewareHandler<AppEnv> {
  return async function requestContext(c, next) {
    const started = clock.now().getTime();
    const sent = c.req.header('x-request-id');
    const requestId = sent !== undefined && SANE_REQUEST_ID.test(sent) ? sent : crypto.randomUUID();
    const log: LogLine = {
      request_id: requestId,
      ray: c.req.header('cf-ray'),
      version,
      method: c.req.method,
    };
    c.set('clock', clock);
    c.set('log', log);

    let isWritten = false;
    const writeLog = (ending: Pick<LogLine, 'status' | 'refusal'>) => {
      if (isWritten) return;
      isWritten = true;
      const connection: Connection | undefined = c.get('connection');
      Object.assign(log, connection?.cost, ending, {
        duration_ms: clock.now().getTime() - started,
      });
      const write = (log.status ?? 0) >= 500 ? console.error : console.log;
      write(JSON.stringify(log));
    };
    // Of a request whose caller disconnects nothing may run after this.
    c.req.raw.signal.addEventListener('abort', () => writeLog({ refusal: 'disconnected' }));

    await next();

    writeLog({ status: c.res.status });
  };
}
