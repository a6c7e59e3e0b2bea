/** The paths without a token: the OpenAPI document and the health of the service. */
import { describe, expect, it, vi } from 'vitest';
import generated from '../src/openapi.generated.json';
import { databaseUnavailable } from './support/answers.ts';
import { flakyD1, watchedSessions } from './support/d1.ts';
import { DB, expectRefusal, get, type Send, worker, workerWith } from './support/worker.ts';

const WITHOUT_TOKEN = { authorization: null };

function watched(): { send: Send; starts: unknown[] } {
  const { db, starts } = watchedSessions(DB);
  return { send: workerWith({ DB: db }), starts };
}

describe('GET /openapi.json', () => {
  it('needs no token and may be cached', async () => {
    const response = await worker(await get('/openapi.json', WITHOUT_TOKEN));

    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('public, max-age=3600');
    expect(await response.json()).toEqual(generated);
  });
});

describe('GET /health', () => {
  it('needs no token, and is 200 if D1 answers', async () => {
    const response = await worker(await get('/health', WITHOUT_TOKEN));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  it('ignores the bookmark of a caller without a token, which could be from the future', async () => {
    const { send, starts } = watched();
    const future = `${'f'.repeat(8)}-${'f'.repeat(8)}-${'f'.repeat(8)}-${'f'.repeat(32)}`;

    const response = await send(
      await get('/health', { ...WITHOUT_TOKEN, 'x-d1-bookmark': future }),
    );

    expect(starts).toEqual(['first-unconstrained']);
    expect(response.headers.get('x-d1-bookmark')).not.toBe(future);
  });

  it('is 200 with wrong settings, which do not concern the database', async () => {
    expect((await workerWith({ JWT_SECRET: '' })(await get('/health', WITHOUT_TOKEN))).status).toBe(
      200,
    );
  });

  it.each([
    ['Network connection lost.', 1],
    ['D1 DB is overloaded. Requests queued for too long.', 5],
    ['no such table: x: SQLITE_ERROR', 5],
  ])('is 503 while D1 does not answer: %s', async (message, retryAfter) => {
    const logged = vi.spyOn(console, 'error');
    const { db } = flakyD1(DB, message, 'fails');

    await expectRefusal(
      await workerWith({ DB: db })(await get('/health', WITHOUT_TOKEN)),
      databaseUnavailable(retryAfter),
    );

    expect(String(logged.mock.calls.flat()[0])).toContain(message);
  });
});
