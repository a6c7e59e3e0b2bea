/** GET /health: what it costs, whoever asks and however often, and what it says of several databases. */
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { databaseUnavailable } from './support/answers.ts';
import { stillClock } from './support/clock.ts';
import { countingD1, flakyD1, interceptD1 } from './support/d1.ts';
import { EMPTY_DB, migrateSpares, SPARE_1, SPARE_2 } from './support/databases.ts';
import { expectRefusal, request, workerWith } from './support/worker.ts';

const probe = () => request('/health', { method: 'GET', headers: { authorization: null, 'content-type': null } });

describe('GET /health', () => {
  it('asks D1 once a second, two hundred probes or one, and gives no bookmark away', async () => {
    const clock = stillClock();
    const { db, calls } = countingD1(env.DB);
    const send = workerWith({ DB: db }, clock);

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

  it('is 503 for a second while D1 fails, and 200 in the next', async () => {
    const clock = stillClock();
    const { db } = flakyD1(env.DB, 'D1 DB is overloaded.', 'fails', 'succeeds');
    const send = workerWith({ DB: db }, clock);

    expect((await send(await probe())).status).toBe(503);
    expect((await send(await probe())).status).toBe(503);
    clock.advance(1);
    expect((await send(await probe())).status).toBe(200);
  });

  it('asks D1 again when the clock is set back', async () => {
    const clock = stillClock();
    const { db, calls } = countingD1(env.DB);
    const send = workerWith({ DB: db }, clock);

    await send(await probe());
    clock.advance(-3600);
    await send(await probe());

    expect(calls).toHaveLength(2);
  });
});

describe('GET /health with several databases', () => {
  beforeAll(migrateSpares);

  it('asks each of them once a second, whether any account is in it or not', async () => {
    const databases = [env.DB, SPARE_1, SPARE_2].map(countingD1);
    const [DB, DB_1, DB_2] = databases.map(({ db }) => db);
    const send = workerWith({ DB, DB_1, DB_2, DATABASES: 'wrong' }, stillClock());

    const answers = await Promise.all(Array.from({ length: 20 }, async () => send(await probe())));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(databases.map(({ calls }) => calls)).toEqual([['all'], ['all'], ['all']]);
  });

  it('asks six at a time', async () => {
    const waiting: (() => void)[] = [];
    const slow = interceptD1(env.DB, async (_, call) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return call();
    });
    const more = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`DB_${n + 1}`, slow]));
    const answer = workerWith({ DB: slow, ...more })(await probe());

    await vi.waitFor(() => expect(waiting).toHaveLength(6));
    for (const answered of waiting.splice(0)) answered();
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    for (const answered of waiting) answered();

    expect((await answer).status).toBe(200);
  });

  it('asks all others though five never answer, and names those in the log', async () => {
    const clock = stillClock();
    const logged = vi.spyOn(console, 'error');
    const silent = interceptD1(env.DB, () => new Promise(() => {}));
    const { db, calls } = countingD1(env.DB);
    const names = Array.from({ length: 11 }, (_, n) => `DB_${n + 1}`);
    const more = Object.fromEntries(names.map((name, n) => [name, n < 5 ? silent : db]));
    const answer = workerWith({ DB: db, ...more }, clock)(await probe());

    await vi.waitFor(() => expect(calls).toHaveLength(7));
    clock.advance(5);

    await expectRefusal(await answer, databaseUnavailable(5));
    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toBe(
      names
        .slice(0, 5)
        .map((name) => `${name}: did not answer within 5000 ms`)
        .join('; '),
    );
  });

  it('says in time, and by name, that twenty do not answer', async () => {
    const clock = stillClock();
    const logged = vi.spyOn(console, 'error');
    const asked: string[] = [];
    const silent = interceptD1(env.DB, (method) => {
      asked.push(method);
      return new Promise(() => {});
    });
    const names = Array.from({ length: 19 }, (_, n) => `DB_${n + 1}`);
    const answer = workerWith(
      { DB: silent, ...Object.fromEntries(names.map((name) => [name, silent])) },
      clock,
    )(await probe());

    await vi.waitFor(() => expect(asked).toHaveLength(6));
    clock.advance(5);

    await expectRefusal(await answer, databaseUnavailable(5));
    const { cause } = JSON.parse(String(logged.mock.calls.flat()[0]));
    expect(cause.split('; ').map((one: string) => one.split(':')[0])).toEqual(['DB', ...names]);
    expect(asked).toHaveLength(6);
  });

  it('asks no binding that is no database, though it begins with DB_', async () => {
    const others = { DB_API: new Proxy({}, { has: () => true }), DB_NAME: 'x' };

    expect((await workerWith({ DB: env.DB, ...others })(await probe())).status).toBe(200);
  });

  it.each([{}, { DB_1: SPARE_1 }])('is 503 without the binding DB, whatever else is bound', async (others) => {
    const logged = vi.spyOn(console, 'error');

    await expectRefusal(await workerWith({ DB: undefined, ...others })(await probe()), databaseUnavailable(5));

    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toBe('DB is not bound');
  });

  it('is 503 if one does not answer, and the log names it', async () => {
    const logged = vi.spyOn(console, 'error');
    const { db } = flakyD1(SPARE_1, 'D1 DB is overloaded.', 'fails');

    await expectRefusal(await workerWith({ DB_1: db, DB_2: SPARE_2 })(await probe()), databaseUnavailable(5));

    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toMatch(/^DB_1: .*overloaded[^;]*$/);
  });
});

describe('GET /health of a database without its migrations', () => {
  const lacking = (name: string) => ({
    status: 503,
    error: `The database ${name} lacks migrations: deploy with npm run deploy, which applies them first.`,
    headers: { 'retry-after': '5' },
  });
  const apply = (count: number) => applyD1Migrations(EMPTY_DB, inject('migrations').slice(0, count));

  it('is 503 and says which, with none of them and with all but the newest; 200 with all', async () => {
    const logged = vi.spyOn(console, 'error');
    const health = async () => workerWith({ DB_1: EMPTY_DB })(await probe());
    const causes = () => logged.mock.calls.flat().map((line) => JSON.parse(String(line)).cause);

    await expectRefusal(await health(), lacking('DB_1'));
    await apply(inject('migrations').length - 1);
    await expectRefusal(await health(), lacking('DB_1'));
    await apply(inject('migrations').length);
    expect((await health()).status).toBe(200);

    expect(causes()).toEqual(['DB_1: none is applied', 'DB_1: the newest is not applied']);
  });
});
