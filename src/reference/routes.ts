/**
 * Serves the page of the API reference at `/`. Cloudflare serves the page's two scripts without the
 * Worker (wrangler.toml).
 */
import { type AppEnv, Hono } from '../http/context.ts';
import { respond } from '../http/response.ts';

/**
 * The policy allows requests only to this origin, so no other server can receive a pasted token.
 * Scalar needs inline styles, which cannot send data under this policy.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/**
 * assets/reference.js removes the paragraph `fallback`, so a reader sees it only if the scripts
 * fail.
 */
const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Run evaluations: API reference</title>
<script src="/scalar.js" defer></script><script src="/reference.js" type="module"></script></head>
<body><p id="fallback">The API reference needs JavaScript. <a href="/openapi.json">The same as JSON</a></p><div id="reference"></div></body></html>
`;

/** Creates the route `/`, which serves the page. */
export function referenceRoutes() {
  const routes = new Hono<AppEnv>();
  routes.get('/', (c) => {
    // A program that does not accept HTML gets a 404 that names /openapi.json.
    if (!c.req.header('accept')?.includes('text/html')) return c.notFound();
    c.get('log').operation = 'getReference';
    return respond(c, 200, PAGE, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    });
  });
  return routes;
}
