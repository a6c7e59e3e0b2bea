/** Tests the paths that need no token: the OpenAPI document and the health of the service. */
import { describe, expect, it, vi } from 'vitest';
import generated from '../src/openapi.generated.json';
import { makeDatabaseUnavailable } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { makeFlakyD1, watchSessions } from './support/d1.ts';
import { createWorker, DB, expectRefusal, get, type Send, worker } from './support/worker.ts';

const WITHOUT_TOKEN = { authorization: null };

function watchWorker(): { send: Send; starts: unknown[] } {
  const { db, starts } = watchSessions(DB);
  return { send: createWorker({ DB: db }), starts };
}

describe('GET /openapi.json', () => {
  const getDocument = async (origin: string, headers = {}) =>
    worker(new Request(`${origin}/openapi.json`, { headers }));
  const listServers = async (response: Response) =>
    (await response.json<typeof generated>()).servers.map(({ url }) => url);

  it('serves the document without a token, and lets a browser keep it for an hour', async () => {
    const response = await worker(await get('/openapi.json', WITHOUT_TOKEN));

    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('private, max-age=3600');
  });

  it('serves the generated document with the origin of the request as its server', async () => {
    const [server] = generated.servers;

    for (const origin of ['https://api.test', 'https://other.test', 'http://127.0.0.1:8787']) {
      const response = await getDocument(origin);
      expect(await response.json()).toEqual({
        ...generated,
        servers: [{ ...server, url: origin }],
      });
    }
  });

  it('ignores every header that claims another origin', async () => {
    const response = await getDocument('https://api.test', {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-port': '666',
      'x-original-host': 'evil.example',
      'x-host': 'evil.example',
      forwarded: 'host=evil.example;proto=http',
      origin: 'https://evil.example',
      referer: 'https://evil.example/',
    });

    expect(await response.text()).not.toContain('evil');
  });

  it('puts the origin of a stranger into nobody else\u2019s document', async () => {
    const responses = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const origin = n % 2 === 0 ? 'https://api.test' : `https://evil-${n}.example`;
        return [origin, ...(await listServers(await getDocument(origin)))];
      }),
    );

    expect(responses.filter(([origin, url]) => origin !== url)).toEqual([]);
  });
});

describe('GET /health', () => {
  it('answers a probe without a token with 200 if D1 answers', async () => {
    const response = await worker(await get('/health', WITHOUT_TOKEN));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  it('ignores the bookmark of a caller without a token, which could be from the future', async () => {
    const { send, starts } = watchWorker();
    const future = `${'f'.repeat(8)}-${'f'.repeat(8)}-${'f'.repeat(8)}-${'f'.repeat(32)}`;

    const response = await send(
      await get('/health', { ...WITHOUT_TOKEN, 'x-d1-bookmark': future }),
    );

    expect(starts).toEqual(['first-unconstrained']);
    expect(response.headers.get('x-d1-bookmark')).not.toBe(future);
  });

  it('answers a probe with 200 although other settings are wrong', async () => {
    expect(
      (await createWorker({ JWT_SECRET: '' })(await get('/health', WITHOUT_TOKEN))).status,
    ).toBe(200);
  });

  it.each([
    ['Network connection lost.', 1],
    ['D1 DB is overloaded. Requests queued for too long.', 5],
    ['no such table: x: SQLITE_ERROR', 5],
  ])('answers a probe with 503 while D1 does not answer: %s', async (message, retryAfter) => {
    const logged = vi.spyOn(console, 'error');
    const { db } = makeFlakyD1(DB, message, 'fails');

    await expectRefusal(
      await createWorker({ DB: db }, createStillClock())(await get('/health', WITHOUT_TOKEN)),
      makeDatabaseUnavailable(retryAfter),
    );

    expect(String(logged.mock.calls.flat()[0])).toContain(message);
  });
});
