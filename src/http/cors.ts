/**
 * Allows the web pages of CORS_ORIGINS to call the API (CORS, Fetch standard §3.2). Never allows
 * cookies, because the page sends the token in a header.
 */
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { type AppEnv, BOOKMARK_HEADER } from './context.ts';
import { createSharedHeaders } from './response.ts';

const PREFLIGHT_MAX_AGE_SECONDS = 3600;

/**
 * Headers that tracing adds to a page's requests (W3C Trace Context, W3C Baggage, Sentry). A
 * browser blocks a request with a header that the Worker does not allow.
 */
const TRACING_HEADERS = ['traceparent', 'tracestate', 'baggage', 'sentry-trace'];

/**
 * Makes the middleware that answers preflights and adds the CORS headers. The origin `*` allows all
 * origins.
 */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler<AppEnv> {
  const handle = cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
    allowHeaders: [
      'Authorization',
      'Content-Type',
      'If-Match',
      'If-None-Match',
      'Idempotency-Key',
      BOOKMARK_HEADER,
      'x-request-id',
      ...TRACING_HEADERS,
    ],
    exposeHeaders: [
      'ETag',
      'Link',
      'Location',
      'Retry-After',
      'WWW-Authenticate',
      BOOKMARK_HEADER,
      'x-request-id',
    ],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
  });
  const isPreflight = (c: Context) =>
    c.req.header('origin') && c.req.header('access-control-request-method');
  return async function crossOrigin(c, next) {
    if (c.req.method === 'OPTIONS' && !isPreflight(c)) return next();
    const preflight = await handle(c, next);
    if (preflight)
      for (const header of Object.entries(createSharedHeaders(c, preflight.status)))
        preflight.headers.set(...header);
    return preflight;
  };
}
