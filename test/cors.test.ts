/**
 * Tests CORS: pages of allowed origins can call every operation and read every header of the
 * response.
 */
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from './support/operations.ts';
import { buildPath, createWorker, get, storeEvaluation, worker } from './support/worker.ts';

/**
 * Headers that a page can always read (CORS-safelisted, Fetch standard), or that only the browser
 * uses.
 */
const READABLE =
  /^(cache-control|content-(language|length|type)|vary|x-content-type-options|access-control-.*)$/;

const WITHOUT_TOKEN = { authorization: null };

describe('browsers of other origins', () => {
  const ORIGIN = 'https://app.example';
  const open = createWorker({ CORS_ORIGINS: `https://other.example, ${ORIGIN}` });
  const preflight = (path: string, origin = ORIGIN) =>
    new Request(`https://api.test${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization,content-type,if-match',
      },
    });
  const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

  it('allows no other origin unless CORS_ORIGINS names it', async () => {
    const row = await storeEvaluation();

    expect((await worker(preflight(buildPath(row)))).status).toBe(405);
    expect(allowed(await worker(await get(buildPath(row), { origin: ORIGIN })))).toBeNull();
    expect(
      allowed(
        await createWorker({ CORS_ORIGINS: '' })(await get(buildPath(row), { origin: ORIGIN })),
      ),
    ).toBeNull();
  });

  it('answers a preflight without a token, and names what is allowed', async () => {
    const response = await open(preflight(buildPath(await storeEvaluation())));

    expect(response.status).toBe(204);
    expect(allowed(response)).toBe(ORIGIN);
    expect(response.headers.get('access-control-allow-methods')).toBe('GET,HEAD,PUT,POST,DELETE');
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase().split(',')).toEqual(
      expect.arrayContaining([
        'authorization',
        'content-type',
        'if-match',
        'if-none-match',
        'x-d1-bookmark',
        'x-request-id',
        'traceparent',
        'tracestate',
        'baggage',
        'sentry-trace',
      ]),
    );
    expect(response.headers.get('access-control-max-age')).toBe('3600');
    expect(response.headers.has('access-control-allow-credentials')).toBe(false);
  });

  it.each(OPERATIONS)(
    'lets a page call $name and read every header of its response',
    async ({ method, requestFor }) => {
      const sent = await requestFor(await storeEvaluation(), { origin: ORIGIN });

      const asked = await open(preflight(new URL(sent.url).pathname));
      const response = await open(sent);

      expect(asked.headers.get('access-control-allow-methods')?.split(',')).toContain(method);
      expect(response.ok).toBe(true);
      expect(allowed(response)).toBe(ORIGIN);
      const exposed =
        response.headers.get('access-control-expose-headers')?.toLowerCase().split(',') ?? [];
      const hidden = [...response.headers.keys()].filter(
        (name) => !exposed.includes(name) && !READABLE.test(name),
      );
      expect(hidden).toEqual([]);
    },
  );

  it('lets a page read the headers of a success and of a refusal', async () => {
    const row = await storeEvaluation();

    for (const [path, headers] of [
      [buildPath(row), {}],
      [buildPath(row), WITHOUT_TOKEN],
      [buildPath({ ...row, id: crypto.randomUUID() }), {}],
      ['/nowhere', {}],
    ] as const) {
      const response = await open(await get(path, { origin: ORIGIN, ...headers }));
      expect(allowed(response)).toBe(ORIGIN);
      expect(response.headers.get('access-control-expose-headers')?.split(',')).toEqual(
        expect.arrayContaining([
          'ETag',
          'Link',
          'Location',
          'Retry-After',
          'WWW-Authenticate',
          'x-d1-bookmark',
          'x-request-id',
        ]),
      );
      expect(response.headers.get('vary')).toBe('Origin');
      expect(response.headers.get('x-request-id')).not.toBeNull();
    }
  });

  it('sends the same Cache-Control to a page of another origin', async () => {
    const row = await storeEvaluation();
    const cacheControl = async (path: string, headers = {}) =>
      (await open(await get(path, { origin: ORIGIN, ...headers }))).headers.get('cache-control');

    expect(await cacheControl(buildPath(row))).toBe('no-store, no-transform');
    expect(await cacheControl(buildPath(row), { 'if-none-match': '*' })).toBe(
      'no-store, no-transform',
    );
    expect(await cacheControl(buildPath(row), WITHOUT_TOKEN)).toBe('no-store');
    expect(await cacheControl('/openapi.json')).toBe('private, max-age=3600');
  });

  it('answers OPTIONS with 405 without an origin or a requested method', async () => {
    const path = buildPath(await storeEvaluation());
    for (const headers of [{}, { origin: ORIGIN }, { 'access-control-request-method': 'PUT' }]) {
      expect(
        (await open(new Request(`https://api.test${path}`, { method: 'OPTIONS', headers }))).status,
      ).toBe(405);
    }
  });

  it.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'http://app.example',
    'null',
  ])('does not allow an origin that is not named: %s', async (origin) => {
    const path = buildPath(await storeEvaluation());

    expect(allowed(await open(preflight(path, origin)))).toBeNull();
    expect(allowed(await open(await get(path, { origin })))).toBeNull();
  });

  it('allows any origin with *, never with credentials', async () => {
    const response = await createWorker({ CORS_ORIGINS: '*' })(
      preflight(buildPath(await storeEvaluation())),
    );

    expect(allowed(response)).toBe('*');
    expect(response.headers.has('access-control-allow-credentials')).toBe(false);
  });
});
