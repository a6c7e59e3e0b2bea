/**
 * Tests the page at `/`, the API reference. The page may load and call nothing outside its own
 * origin.
 */
import { describe, expect, it } from 'vitest';
import { createWorker, expectRefusal, request } from './support/worker.ts';

const CHROMIUM =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';
const NO_SUCH_PATH = {
  status: 404,
  error: 'No such path: GET /openapi.json describes the paths that exist.',
};

/** Sends a request without a token to a Worker without settings. */
const send = async (path: string, accept: string | null, method = 'GET') =>
  createWorker({ JWT_SECRET: '' })(
    await request(path, { method, headers: { accept, authorization: null } }),
  );

describe('GET /', () => {
  it('gives a browser a page that may talk to its own origin and to no other', async () => {
    const response = await send('/', CHROMIUM);

    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  it('loads nothing but two scripts of its own, and has no script in the page', async () => {
    const page = await (await send('/', CHROMIUM)).text();

    const scripts = [...page.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)];
    expect(scripts.map(([, attributes, text]) => [attributes, text])).toEqual([
      [' src="/scalar.js" defer', ''],
      [' src="/reference.js" type="module"', ''],
    ]);
    expect(page).not.toMatch(/https?:|\/\/\w/);
  });

  it('answers HEAD with the same status and no body', async () => {
    const response = await send('/', CHROMIUM, 'HEAD');

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it.each(['application/json', '*/*', 'application/json, text/plain, */*', null])(
    'sends a program that accepts %s to the document',
    async (accept) => {
      await expectRefusal(await send('/', accept), NO_SUCH_PATH);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('answers 404 to %s at /', async (method) => {
    await expectRefusal(await send('/', CHROMIUM, method), NO_SUCH_PATH);
  });

  it.each(['//', '/v1/', '/health/', '/openapi.json/', '/index.html', '/reference'])(
    'answers no other path with the page, such as %s',
    async (path) => {
      await expectRefusal(await send(path, CHROMIUM), NO_SUCH_PATH);
    },
  );
});
