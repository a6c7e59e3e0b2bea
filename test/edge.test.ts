/** What surrounds the resource at the edge: D1 sessions and bookmarks, browsers of other origins, the public paths. */
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { databaseUnavailable } from './support/answers.ts';
import { flakyD1 } from './support/d1.ts';
import { document } from './support/document.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  expectRefusal,
  pathOf,
  putValue,
  request,
  type Send,
  storeEvaluation,
  worker,
  workerWith,
} from './support/worker.ts';

const get = async (path: string, headers: Record<string, string | null> = {}) =>
  request(path, { method: 'GET', headers: { 'content-type': null, ...headers } });

const PUBLIC = { authorization: null };

/** A Worker whose D1 tells from where each session was asked to start. */
function watched(): { send: Send; starts: unknown[] } {
  const starts: unknown[] = [];
  const db = new Proxy(env.DB, {
    get: (target, property) => {
      if (property === 'withSession') {
        return (start: string) => {
          starts.push(start);
          return target.withSession(start);
        };
      }
      const member: unknown = Reflect.get(target, property);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { send: workerWith({ DB: db }), starts };
}

describe('the bookmark', () => {
  it('comes with every answer that the database gave, and lets a read see the write that it came with', async () => {
    const row = await storeEvaluation();
    const { send, starts } = watched();

    const written = (await send(await putValue(row, 9))).headers.get('x-d1-bookmark') ?? '';
    const read = await send(await get(pathOf(row), { 'x-d1-bookmark': written }));

    expect(written).toMatch(/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/);
    expect(await read.json()).toMatchObject({ value: 9 });
    expect(read.headers.get('x-d1-bookmark')).toMatch(/^[0-9a-f-]{59}$/);
    expect(starts).toEqual(['first-primary', written]);
  });

  it.each(OPERATIONS)(
    'comes with the success of $name, and the session starts where it should',
    async ({ name, requestFor }) => {
      const row = await storeEvaluation();
      const { send, starts } = watched();

      const response = await send(await requestFor(row, {}));

      expect(response.headers.get('x-d1-bookmark')).toMatch(/^[0-9a-f-]{59}$/);
      expect(starts).toEqual([/^(create|update)/.test(name) ? 'first-primary' : 'first-unconstrained']);
    },
  );

  it('is not an echo: where the database did not answer, there is none', async () => {
    const row = await storeEvaluation();
    const sent = { 'x-d1-bookmark': '00000000-00000001-00000000-00000000000000000000000000000000' };
    const down = workerWith({ DB: flakyD1(env.DB, 'D1 DB is overloaded.', 'fails').db });

    const malformed = await worker(await get(`/v1/run/${row.run_id}/evaluations?limit=0`, sent));
    const unavailable = await down(await get(pathOf(row), sent));

    expect([malformed.status, unavailable.status]).toEqual([400, 503]);
    for (const answer of [malformed, unavailable]) expect(answer.headers.has('x-d1-bookmark')).toBe(false);
  });

  it('is not needed: a read without one goes to the nearest replica, a write always to the primary', async () => {
    const row = await storeEvaluation();
    const { send, starts } = watched();
    const bookmark = '00000000-00000001-00000000-00000000000000000000000000000000';

    await send(await get(pathOf(row)));
    await send(await get(`${pathOf(row)}/history`));
    await send(await get(`/v1/run/${row.run_id}/evaluations`));
    const sent = await putValue(row, 9);
    sent.headers.set('x-d1-bookmark', bookmark);
    await send(sent);

    const nearest = 'first-unconstrained';
    expect(starts).toEqual([nearest, nearest, nearest, 'first-primary']);
  });

  it.each([
    'rubbish',
    'first-primary',
    '',
    '00000000-00000001-00000000',
    `${'0'.repeat(8)}-${'0'.repeat(8)}-${'0'.repeat(8)}-${'A'.repeat(32)}`,
    `${'0'.repeat(8)}-${'0'.repeat(8)}-${'0'.repeat(8)}-${'0'.repeat(33)}`,
    `${'0'.repeat(8)}-zzzzzzzz-${'0'.repeat(8)}-${'0'.repeat(32)}`,
  ])('is ignored and not passed on where it is malformed: %s', async (bookmark) => {
    const row = await storeEvaluation();
    const { send, starts } = watched();

    const response = await send(await get(pathOf(row), { 'x-d1-bookmark': bookmark }));

    expect(response.status).toBe(200);
    expect(response.headers.get('x-d1-bookmark')).not.toBe(bookmark);
    expect(starts).toEqual(['first-unconstrained']);
  });

  it('comes with a 412, so that the caller gets again what it was refused for', async () => {
    const row = await storeEvaluation();
    const sent = await putValue(row, 9);
    sent.headers.set('if-match', '"x"');

    expect((await worker(sent)).headers.get('x-d1-bookmark')).toMatch(/^[0-9a-f-]{59}$/);
  });

  it('does not come where the database was not asked', async () => {
    const row = await storeEvaluation();

    expect((await worker(await get(pathOf(row), PUBLIC))).headers.has('x-d1-bookmark')).toBe(false);
  });
});

describe('browsers of other origins', () => {
  const ORIGIN = 'https://app.example';
  const open = workerWith({ CORS_ORIGINS: `https://other.example, ${ORIGIN}` });
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

  it('are let in nowhere unless CORS_ORIGINS names them', async () => {
    const row = await storeEvaluation();

    expect((await worker(preflight(pathOf(row)))).status).toBe(405);
    expect(allowed(await worker(await get(pathOf(row), { origin: ORIGIN })))).toBeNull();
    expect(allowed(await workerWith({ CORS_ORIGINS: '' })(await get(pathOf(row), { origin: ORIGIN })))).toBeNull();
  });

  it('ask before they call without a token, and hear what is allowed', async () => {
    const response = await open(preflight(pathOf(await storeEvaluation())));

    expect(response.status).toBe(204);
    expect(allowed(response)).toBe(ORIGIN);
    expect(response.headers.get('access-control-allow-methods')).toBe('GET,HEAD,PUT,POST');
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase().split(',')).toEqual(
      expect.arrayContaining([
        'authorization',
        'content-type',
        'if-match',
        'if-none-match',
        'x-d1-bookmark',
        'x-request-id',
      ]),
    );
    expect(response.headers.get('access-control-max-age')).toBe('3600');
    expect(response.headers.has('access-control-allow-credentials')).toBe(false);
  });

  it('see the headers of an answer and of a refusal alike', async () => {
    const row = await storeEvaluation();

    for (const [path, headers] of [
      [pathOf(row), {}],
      [pathOf(row), PUBLIC],
      [pathOf({ ...row, id: crypto.randomUUID() }), {}],
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

  it('change nothing about what may be cached or transformed', async () => {
    const row = await storeEvaluation();
    const cacheControl = async (path: string, headers = {}) =>
      (await open(await get(path, { origin: ORIGIN, ...headers }))).headers.get('cache-control');

    expect(await cacheControl(pathOf(row))).toBe('no-store, no-transform');
    expect(await cacheControl(pathOf(row), { 'if-none-match': '*' })).toBe('no-store, no-transform');
    expect(await cacheControl(pathOf(row), PUBLIC)).toBe('no-store');
    expect(await cacheControl('/openapi.json')).toBe('public, max-age=3600');
  });

  it('alone get an answer to OPTIONS: without an origin or a method to ask for it is a method like another', async () => {
    const path = pathOf(await storeEvaluation());
    for (const headers of [{}, { origin: ORIGIN }, { 'access-control-request-method': 'PUT' }]) {
      expect((await open(new Request(`https://api.test${path}`, { method: 'OPTIONS', headers }))).status).toBe(405);
    }
  });

  it.each(['https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'null'])(
    'of another origin are not let in: %s',
    async (origin) => {
      const path = pathOf(await storeEvaluation());

      expect(allowed(await open(preflight(path, origin)))).toBeNull();
      expect(allowed(await open(await get(path, { origin })))).toBeNull();
    },
  );

  it('of any origin are let in by *, never with credentials', async () => {
    const response = await workerWith({ CORS_ORIGINS: '*' })(preflight(pathOf(await storeEvaluation())));

    expect(allowed(response)).toBe('*');
    expect(response.headers.has('access-control-allow-credentials')).toBe(false);
  });
});

describe('GET /openapi.json', () => {
  it('is public and may be cached', async () => {
    const response = await worker(await get('/openapi.json', PUBLIC));

    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('public, max-age=3600');
    expect(await response.json()).toEqual(document);
  });
});

describe('GET /health', () => {
  it('is public, and 200 once D1 answers', async () => {
    const response = await worker(await get('/health', PUBLIC));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  it('takes no bookmark of a stranger, which could be from the future', async () => {
    const { send, starts } = watched();
    const future = `${'f'.repeat(8)}-${'f'.repeat(8)}-${'f'.repeat(8)}-${'f'.repeat(32)}`;

    const response = await send(await get('/health', { ...PUBLIC, 'x-d1-bookmark': future }));

    expect(starts).toEqual(['first-unconstrained']);
    expect(response.headers.get('x-d1-bookmark')).not.toBe(future);
  });

  it('says nothing of wrong settings, which are no matter of the database', async () => {
    expect((await workerWith({ JWT_SECRET: '' })(await get('/health', PUBLIC))).status).toBe(200);
  });

  it.each([
    ['Network connection lost.', 1],
    ['D1 DB is overloaded. Requests queued for too long.', 5],
    ['no such table: x: SQLITE_ERROR', 5],
  ])('is 503 while D1 does not answer: %s', async (message, retryAfter) => {
    const logged = vi.spyOn(console, 'error');
    const { db } = flakyD1(env.DB, message, 'fails');

    await expectRefusal(await workerWith({ DB: db })(await get('/health', PUBLIC)), databaseUnavailable(retryAfter));

    expect(String(logged.mock.calls.flat()[0])).toContain(message);
  });
});
