/**
 * Cross-origin access for browsers (Fetch standard §3.2), off unless CORS_ORIGINS names origins. Never with
 * credentials: a token travels in the Authorization header, so no cookie is ever needed.
 */
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { type AppEnv, BOOKMARK_HEADER } from './context.ts';
import { sharedHeaders } from './response.ts';

const PREFLIGHT_MAX_AGE_SECONDS = 3600;

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
  // An OPTIONS that no browser sends before it calls is a method like another, which no path has.
  const isPreflight = (c: Context) =>
    c.req.header('origin') && c.req.header('access-control-request-method');
  return async function crossOrigin(c, next) {
    if (c.req.method === 'OPTIONS' && !isPreflight(c)) return next();
    const preflight = await handle(c, next);
    if (preflight)
      for (const header of Object.entries(sharedHeaders(c, preflight.status)))
        preflight.headers.set(...header);
    return preflight;
  };
}
