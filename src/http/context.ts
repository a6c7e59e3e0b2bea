/**
 * What every request has, whatever becomes of it: an id, and one structured log line. The line never holds a token, a
 * body or a value.
 */
import type { MiddlewareHandler } from 'hono';
import type { Clock } from '../clock.ts';
import type { Connection } from '../db/connection.ts';
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
  d1_calls?: number;
  d1_attempts?: number;
  rows_read?: number;
  rows_written?: number;
  refusal?: string;
  code?: string;
  cause?: string;
};

/** What a handler finds. In front of the door there is no principal yet, and in front of the session no connection. */
export type AppEnv = { Variables: { log: LogLine; principal: Principal; connection: Connection } };

/** What a caller may send as its own `x-request-id` and gets back; anything else is replaced by a fresh UUID. */
const SANE_REQUEST_ID = /^[\w.:-]{1,128}$/;

export function requestContext(clock: Clock, version: string | undefined): MiddlewareHandler<AppEnv> {
  return async function requestContext(c, next) {
    const started = clock.now().getTime();
    const sent = c.req.header('x-request-id');
    const requestId = sent !== undefined && SANE_REQUEST_ID.test(sent) ? sent : crypto.randomUUID();
    const log: LogLine = { request_id: requestId, ray: c.req.header('cf-ray'), version, method: c.req.method };
    c.set('log', log);

    await next();

    const connection: Connection | undefined = c.get('connection');
    Object.assign(log, connection?.cost);
    log.status = c.res.status;
    log.duration_ms = clock.now().getTime() - started;
    const write = log.status >= 500 ? console.error : console.log;
    write(JSON.stringify(log));
  };
}
