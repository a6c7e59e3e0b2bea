/**
 * Cross-origin access for browsers (Fetch standard §3.2), off unless CORS_ORIGINS names origins. Never with
 * credentials: a token travels in the Authorization header, so no cookie is ever needed.
 */
import { cors } from 'hono/cors';
import { BOOKMARK_HEADER } from './session';

const PREFLIGHT_MAX_AGE_SECONDS = 3600;

export const crossOrigin = (origins: readonly string[]) =>
  cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'PUT', 'POST'],
    allowHeaders: ['Authorization', 'Content-Type', 'If-Match', 'If-None-Match', BOOKMARK_HEADER, 'x-request-id'],
    exposeHeaders: ['ETag', 'Link', 'Location', 'Retry-After', 'WWW-Authenticate', BOOKMARK_HEADER, 'x-request-id'],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
  });
