/** Tests GET /health. However many probes arrive, the Worker calls D1 at most once a second. */
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, inject, it, vi } from 'vitest';
import { INTERNAL_ERROR, makeDatabaseUnavailable } from './support/answers.ts';
import { createStillClock, makePending, waitUntil } from './support/clock.ts';
import { countCalls, interceptD1, makeFlakyD1 } from './support/d1.ts';
import { createWorker, expectRefusal, request } from './support/worker.ts';

const { EMPTY_DB } = env as typeof env & { readonly EMPTY_DB: D1Database };

const causes = (logged: { mock: { calls: unknown[][] } }) =>
  logged.mock.calls.flat().map((line) => JSON.parse(String(line)).cause);

const probe = () =>
  request('/health', { method: 'GET', headers: { authorization: null, 'content-type': null } });

describe('GET /health', () => {
  it('calls D1 once a second for two hundred probes, and returns no bookmark', async () => {
    const clock = createStillClock();
    const { db, calls } = countCalls(env.DB);
    const send = createWorker({ DB: db }, clock);

    const answers = await Promise.all(Array.from({ length: 200 }, async () => send(await probe())));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers.filter(({ headers }) => headers.has('x-d1-bookmark'))).toEqual([]);
    expect(calls).toHaveLength(1);
    clock.advance(0.999);
    await send(await probe());
    expect(calls).toHaveLength(1);
    clock.advance(0.001);
    await send(await probe());
    expect(calls).toHaveLength(2);
  });

  it('answers 503 for a second while D1 fails, and 200 in the next', async () => {
    const clock = createStillClock();
    const { db } = makeFlakyD1(env.DB, 'D1 DB is overloaded.', 'fails', 'succeeds');
    const send = createWorker({ DB: db }, clock);

    expect((await send(await probe())).status).toBe(503);
    expect((await send(await probe())).status).toBe(503);
    clock.advance(1);
    expect((await send(await probe())).status).toBe(200);
  });

  it('calls D1 again when the clock is set back', async () => {
    const clock = createStillClock();
    const { db, calls } = countCalls(env.DB);
    const send = createWorker({ DB: db }, clock);

    await send(await probe());
    clock.advance(-3600);
    await send(await probe());

    expect(calls).toHaveLength(2);
  });
});

describe('GET /health of a database that cannot answer', () => {
  it('answers a probe with 503 after five seconds if the database does not answer, and logs why', async () => {
    const clock = createStillClock();
    const logged = vi.spyOn(console, 'error');
    const asked: string[] = [];
    const silent = interceptD1(env.DB, (method) => {
      asked.push(method);
      return makePending();
    });
    const answer = createWorker({ DB: silent }, clock)(await probe());

    await waitUntil(() => expect(asked).toHaveLength(1));
    clock.advance(5);

    await expectRefusal(await answer, makeDatabaseUnavailable(5));
    expect(causes(logged)).toEqual(['did not answer within 5000 ms']);
  });

  it('answers a probe with 503 if no database is bound', async () => {
    const logged = vi.spyOn(console, 'error');

    await expectRefusal(
      await createWorker({ DB: undefined })(await probe()),
      makeDatabaseUnavailable(5),
    );

    expect(causes(logged)).toEqual([expect.stringContaining('undefined')]);
  });

  it('answers a probe with 503 without the newest migration, and with 200 with all migrations', async () => {
    const lacksMigrations = {
      status: 503,
      error: 'The database lacks migrations: deploy with npm run deploy, which applies them first.',
      headers: { 'retry-after': '5' },
    };
    const migrations = inject('migrations');
    const logged = vi.spyOn(console, 'error');
    const health = async () => createWorker({ DB: EMPTY_DB })(await probe());

    await expectRefusal(await health(), lacksMigrations);
    await applyD1Migrations(EMPTY_DB, migrations.slice(0, -1));
    await expectRefusal(await health(), lacksMigrations);
    await applyD1Migrations(EMPTY_DB, migrations);
    expect((await health()).status).toBe(200);

    expect(causes(logged)).toEqual(['none is applied', 'the newest is not applied']);
  });
});

describe('an update on a database without tables', () => {
  it('answers 500 to an update on a database without tables, after one attempt', async () => {
    const { db, calls } = countCalls(EMPTY_DB);
    const logged = vi.spyOn(console, 'error');
    const path = `/v1/run/${crypto.randomUUID()}/evaluation/${crypto.randomUUID()}`;
    await EMPTY_DB.exec('DROP TABLE IF EXISTS run_evaluation');

    const response = await createWorker({ DB: db })(await request(path, { body: '{"value":1}' }));

    await expectRefusal(response, INTERNAL_ERROR);
    expect(calls).toHaveLength(1);
    expect(causes(logged)).toEqual([expect.stringMatching(/no such table.*SQLITE_ERROR/s)]);
  });
});
