/**
 * Serves the page of the API reference at `/`. The page contains only two scripts. Cloudflare
 * serves both as static assets without running the Worker (wrangler.toml).
 * - assets/scalar.js is the library Scalar, which draws the reference and a form for requests.
 * - assets/reference.js passes this deployment's OpenAPI document to Scalar.
 */
import { type AppEnv, Hono } from '../http/context.ts';
import { respond } from '../http/response.ts';

/**
 * The Content-Security-Policy of the page. It allows requests only to this origin. So if a reader
 * pastes a token into the form, no other server can receive the token.
 * - `script-src` allows the two scripts from this origin, but no inline script and no `eval`.
 * - `style-src` allows inline styles, because Scalar writes `<style>` elements and `style`
 *   attributes, most of them without a nonce. An inline style cannot send data, because the policy
 *   allows no image, font or style sheet from a URL.
 * - `connect-src` lets the page load the OpenAPI document, and lets the form send requests.
 * - `img-src` allows the empty icon. Without the icon, browsers would request /favicon.ico.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/**
 * The HTML of the page. assets/reference.js removes the paragraph `fallback`. So a reader sees the
 * paragraph only if the scripts do not run.
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
    // If a program does not accept HTML, it gets the status 404 and a message that names
    // /openapi.json.
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
