/**
 * Serves the API reference at `/` to a browser. The page is only a frame: the scripts are static
 * assets, which Cloudflare serves without the Worker (wrangler.toml). assets/reference.js passes
 * this deployment's own document to Scalar, which draws the page and the form for requests.
 */
import { type AppEnv, Hono } from '../http/context.ts';
import { respond } from '../http/response.ts';

/**
 * The page may send requests only to this origin, so a pasted token cannot go anywhere else.
 * - `script-src` allows our two scripts, nothing inline, and no `eval`.
 * - `style-src` allows inline styles: Scalar writes `<style>` elements and `style` attributes, most
 *   of them without a nonce. A style can send nothing, because the policy allows no image, font or
 *   style sheet from a URL.
 * - `connect-src` allows the document, and the requests of the form.
 * - `img-src` allows the empty icon, without which browsers look for /favicon.ico.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/**
 * The page. assets/reference.js removes the paragraph, so a reader sees it only if the scripts do
 * not run.
 */
const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Run evaluations: API reference</title>
<script src="/scalar.js" defer></script><script src="/reference.js" type="module"></script></head>
<body><p id="fallback">The API reference needs JavaScript. <a href="/openapi.json">The same as JSON</a></p><div id="reference"></div></body></html>
`;

/** Creates the route `/`. */
export function referenceRoutes() {
  const routes = new Hono<AppEnv>();
  routes.get('/', (c) => {
    // A program that does not ask for HTML gets the 404 that names the document.
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
