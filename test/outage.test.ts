/** D1 on a bad day: what passes is tried again for a bounded time, and a 200 is only ever given for a stored row. */
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { databaseUnavailable, OUR_FAULT, unprocessable } from './answers';
import { stillClock } from './clock';
import { type Fate, flakyD1 } from './d1';
import {
  claims,
  expectRefusedUpdate,
  expectUnbroken,
  mintToken,
  pathOf,
  putValue,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  storeLabelled,
  workerWith,
} from './worker';

const TRANSIENT = [
  'Network connection lost.',
  'D1 DB reset because its code was updated.',
  'Internal error while starting up D1 DB storage caused object to be reset.',
  'Internal error in D1 DB storage caused object to be reset.',
  'Cannot resolve D1 DB due to transient issue on remote node.',
  "Can't read from request stream because client disconnected.",
];

const OVERLOAD = [
  'D1 DB is overloaded. Requests queued for too long.',
  'D1 DB is overloaded. Too many requests queued.',
  'D1 DB storage operation exceeded timeout which caused object to be reset.',
  "D1 DB's isolate exceeded its memory limit and was reset.",
  'D1 DB exceeded its CPU time limit and was reset.',
];

function workerOn(message: string, ...fates: Fate[]) {
  const { db, calls } = flakyD1(env.DB, message, ...fates);
  const clock = stillClock();
  const paused: number[] = [];
  const sleep = async (milliseconds: number) => {
    paused.push(milliseconds);
    clock.advance(milliseconds / 1000);
  };
  const send = workerWith({ DB: db }, { ...clock, sleep });
  const token = () => mintToken({ exp: claims({}, clock.now()).exp });
  return { send, calls, paused, token };
}

describe('a failure that passes', () => {
  it.each(TRANSIENT)('is retried until it has passed: %s', async (message) => {
    for (const fates of [
      ['fails', 'passes'],
      ['fails', 'fails', 'passes'],
      ['fails', 'fails', 'fails', 'passes'],
    ] as Fate[][]) {
      const row = await storeEvaluation();
      const { send, calls, token } = workerOn(message, ...fates);

      const response = await send(await putValue(row, 9, await token()));

      expect(response.status).toBe(200);
      expect(await response.json()).toEqual(await readEvaluation(row.id));
      expect(calls).toHaveLength(fates.length);
      expect(await readHistory(row.id)).toHaveLength(1);
    }
  });

  it.each(TRANSIENT)(
    'is given up after four tries: 503 with Retry-After, and nothing is stored: %s',
    async (message) => {
      const row = await storeEvaluation();
      const { send, calls, paused, token } = workerOn(message, 'fails');

      await expectRefusedUpdate(row, await putValue(row, 9, await token()), databaseUnavailable(1), send);

      expect(calls).toHaveLength(4);
      expect(paused).toHaveLength(3);
      expect(paused.reduce((sum, pause) => sum + pause, 0)).toBeLessThanOrEqual(2000);
    },
  );

  it('is retried after pauses that no two writers share', async () => {
    const row = await storeEvaluation();
    const pausesOf = async () => {
      const { send, paused, token } = workerOn('Network connection lost.', 'fails');
      await send(await putValue(row, 9, await token()));
      return paused.join();
    };

    expect(await pausesOf()).not.toBe(await pausesOf());
  });

  it('is given up early where each try takes long', async () => {
    const row = await storeEvaluation();
    const clock = stillClock();
    const { db, calls } = flakyD1(env.DB, 'Network connection lost.', 'fails');
    const slow = {
      ...db,
      prepare: (query: string) => {
        clock.advance(1.5);
        return db.prepare(query);
      },
    };
    const token = await mintToken({ exp: claims({}, clock.now()).exp });

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, token),
      databaseUnavailable(1),
      workerWith({ DB: slow as D1Database }, clock),
    );

    expect(calls).toHaveLength(2);
  });

  it('is retried in the explanation of a refusal too', async () => {
    const row = await storeLabelled({ value_type: 'binary' });
    const { send, calls, token } = workerOn('Network connection lost.', 'passes', 'fails', 'passes');

    await expectRefusedUpdate(row, await putValue(row, 7, await token()), unprocessable('value must be 0 or 1.'), send);

    expect(calls).toHaveLength(3);
  });
});

describe('an answer lost after the commit', () => {
  it.each<Fate[]>([
    ['is lost', 'passes'],
    ['is lost', 'is lost', 'passes'],
    ['is lost', 'fails', 'passes'],
  ])('is asked for again, and stores nothing twice (%s, %s)', async (...fates) => {
    const row = await storeEvaluation();
    const { send, token } = workerOn('Network connection lost.', ...fates);

    const response = await send(await putValue(row, 9, await token()));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(await readEvaluation(row.id));
    expect(await readHistory(row.id)).toHaveLength(1);
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('does not make a conditional write refuse itself', async () => {
    const row = await storeEvaluation();
    const { send, token } = workerOn('Network connection lost.', 'is lost', 'passes');
    const headers = { authorization: `Bearer ${await token()}`, 'if-match': `"${row.created_at}"` };

    expect((await send(await request(pathOf(row), { body: '{"value":9}', headers }))).status).toBe(200);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('is no 200 where it stays lost, and the caller may send the same again', async () => {
    const row = await storeEvaluation();
    const { send, calls, token } = workerOn(
      'Network connection lost.',
      'is lost',
      'is lost',
      'is lost',
      'is lost',
      'passes',
    );
    const sent = async () => putValue(row, 9, await token());

    expect((await send(await sent())).status).toBe(503);
    expect(calls).toHaveLength(4);
    const stored = await readEvaluation(row.id);
    expect(stored).toMatchObject({ value: 9 });

    expect(await (await send(await sent())).json()).toEqual(stored);
    expect(await readHistory(row.id)).toHaveLength(1);
  });
});

describe('an overload', () => {
  it.each(OVERLOAD)('is not made worse by a retry: 503 at once with a longer Retry-After: %s', async (message) => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const { send, calls, token } = workerOn(message, 'fails');

    await expectRefusedUpdate(row, await putValue(row, 9, await token()), databaseUnavailable(5), send);

    expect(calls).toHaveLength(1);
    expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({
      refusal: 'database_unavailable',
      cause: expect.stringContaining(message),
    });
  });
});

describe('a failure that does not pass', () => {
  it('is not retried', async () => {
    const row = await storeEvaluation();
    const { send, calls, token } = workerOn('no such column: value: SQLITE_ERROR', 'fails');

    await expectRefusedUpdate(row, await putValue(row, 9, await token()), OUR_FAULT, send);

    expect(calls).toHaveLength(1);
  });
});

describe('a refusal whose cause is gone when it is asked for', () => {
  it('is 503, not a reason made up: the same request will find another state', async () => {
    const row = await storeLabelled({ value_type: 'binary' });
    const { send, token } = (() => {
      const { db, calls } = flakyD1(env.DB, '', 'passes');
      const clock = stillClock();
      // The label changes between the update and its explanation.
      const prepare = (query: string) => {
        const statement = db.prepare(query);
        if (calls.length === 0) return statement;
        const change = env.DB.prepare(`UPDATE evaluation_label SET value_type = 'continuous' WHERE id = ?`);
        return {
          bind: (...values: unknown[]) => ({
            all: async () => {
              await change.bind(row.evaluation_label_id).run();
              return statement.bind(...values).all();
            },
          }),
        };
      };
      const send = workerWith({ DB: { prepare } as unknown as D1Database }, clock);
      return { send, token: () => mintToken({ exp: claims({}, clock.now()).exp }) };
    })();

    await expectRefusedUpdate(row, await putValue(row, 7, await token()), databaseUnavailable(1), send);
  });
});
