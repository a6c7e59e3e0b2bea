/** Tests the Worker while D1 fails. A 200 always means that the row is stored. */
import { describe, expect, it, vi } from 'vitest';
import { INTERNAL_ERROR, makeDatabaseUnavailable, makeUnprocessable } from './support/answers.ts';
import { createStillClock, makePending, waitUntil } from './support/clock.ts';
import { type Fate, interceptD1, makeFlakyD1 } from './support/d1.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  buildPath,
  claims,
  createWorker,
  DB,
  expectRefusedUpdate,
  expectUnbroken,
  mintToken,
  putValue,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  storeLabelled,
} from './support/worker.ts';

const TRANSIENT = [
  'Network connection lost.',
  'D1 DB reset because its code was updated.',
  'Internal error while starting up D1 DB storage caused object to be reset.',
  'Internal error in D1 DB storage caused object to be reset.',
  'Cannot resolve D1 DB due to transient issue on remote node.',
  "Can't read from request stream because client disconnected.",
  // Operators have reported this error, but Cloudflare does not document it.
  'internal error; reference = 0123456789abcdef',
  'Internal error in Durable Object storage caused object to be reset.',
  'database is locked: SQLITE_BUSY',
  'disk I/O error: SQLITE_IOERR',
  'something that nobody has seen yet',
];

const FINAL = [
  'UNIQUE constraint failed: run_evaluation.id: SQLITE_CONSTRAINT',
  'run_evaluation exists: update it: SQLITE_CONSTRAINT_TRIGGER',
  'datatype mismatch: SQLITE_MISMATCH',
  'no such table: run_evaluation: SQLITE_ERROR',
  'near "SELCT": syntax error at offset 0: SQLITE_ERROR',
  'string or blob too big: SQLITE_TOOBIG',
  'column index out of range: SQLITE_RANGE',
  'no such table: run_evaluation',
  'CHECK constraint failed: value_is_finite',
];

const OVERLOAD = [
  'D1 DB is overloaded. Requests queued for too long.',
  'D1 DB is overloaded. Too many requests queued.',
  'D1 DB storage operation exceeded timeout which caused object to be reset.',
  "D1 DB's isolate exceeded its memory limit and was reset.",
  'D1 DB exceeded its CPU time limit and was reset.',
];

function createWorkerOn(message: string, ...fates: Fate[]) {
  const { db, calls } = makeFlakyD1(DB, message, ...fates);
  const clock = createStillClock();
  const paused: number[] = [];
  const sleep = async (milliseconds: number) => {
    paused.push(milliseconds);
    clock.advance(milliseconds / 1000);
  };
  const send = createWorker({ DB: db }, { ...clock, sleep });
  const token = () => mintToken({ exp: claims({}, clock.now()).exp });
  return { send, calls, paused, token };
}

describe('a transient error', () => {
  it.each(TRANSIENT)('retries a transient error until it is over: %s', async (message) => {
    for (const fates of [
      ['fails', 'succeeds'],
      ['fails', 'fails', 'succeeds'],
      ['fails', 'fails', 'fails', 'succeeds'],
    ] as Fate[][]) {
      const row = await storeEvaluation();
      const { send, calls, token } = createWorkerOn(message, ...fates);

      const response = await send(await putValue(row, 9, await token()));

      expect(response.status).toBe(200);
      expect(await response.json()).toEqual(await readEvaluation(row.id));
      expect(calls).toHaveLength(fates.length);
      expect(await readHistory(row.id)).toHaveLength(1);
    }
  });

  it.each(TRANSIENT)(
    'answers 503 with Retry-After after four failed attempts, and stores nothing: %s',
    async (message) => {
      const row = await storeEvaluation();
      const { send, calls, paused, token } = createWorkerOn(message, 'fails');

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, await token()),
        makeDatabaseUnavailable(1),
        send,
      );

      expect(calls).toHaveLength(4);
      expect(paused).toHaveLength(3);
      expect(paused.reduce((sum, pause) => sum + pause, 0)).toBeLessThanOrEqual(2000);
    },
  );

  it('retries a transient error after random pauses', async () => {
    const row = await storeEvaluation();
    const listPauses = async () => {
      const { send, paused, token } = createWorkerOn('Network connection lost.', 'fails');
      await send(await putValue(row, 9, await token()));
      return paused.join();
    };

    expect(await listPauses()).not.toBe(await listPauses());
  });

  it('retries a transient error after pauses that double', async () => {
    const row = await storeEvaluation();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { send, paused, token } = createWorkerOn('Network connection lost.', 'fails');

    await send(await putValue(row, 9, await token()));

    expect(paused).toEqual([50, 100, 200]);
  });

  it('recognizes a transient error by its cause if the message does not name it', async () => {
    const row = await storeEvaluation();
    let calls = 0;
    const db = interceptD1(DB, (_, call) => {
      calls += 1;
      const cause = new Error('Network connection lost.');
      return calls === 1 ? Promise.reject(new Error('D1_ERROR', { cause })) : call();
    });

    const send = createWorker({ DB: db }, createStillClock(new Date()));

    expect((await send(await putValue(row, 9))).status).toBe(200);
    expect(calls).toBe(2);
  });

  it.each([
    [1.1, 2],
    [1.95, 1],
  ])(
    'does not retry later than two seconds after the first attempt: %d s an attempt',
    async (seconds, attempts) => {
      const row = await storeEvaluation();
      vi.spyOn(Math, 'random').mockReturnValue(0.9);
      const clock = createStillClock();
      const { db, calls } = makeFlakyD1(DB, 'Network connection lost.', 'fails');
      const slow = interceptD1(db, (_, call) => {
        clock.advance(seconds);
        return call();
      });
      const token = await mintToken({ exp: claims({}, clock.now()).exp });

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, token),
        makeDatabaseUnavailable(1),
        createWorker({ DB: slow }, clock),
      );

      expect(calls).toHaveLength(attempts);
    },
  );

  it('retries the call that explains a refusal', async () => {
    const row = await storeLabelled({ value_type: 'binary' });
    const { send, calls, token } = createWorkerOn(
      'Network connection lost.',
      'fails',
      'is lost',
      'succeeds',
    );

    await expectRefusedUpdate(
      row,
      await putValue(row, 7, await token()),
      makeUnprocessable('value must be 0 or 1.'),
      send,
    );

    expect(calls).toHaveLength(3);
  });
});

describe('an error that no retry can help', () => {
  it.each(FINAL)(
    'answers 500 after one attempt that no retry can help, and stores nothing: %s',
    async (message) => {
      const row = await storeEvaluation();
      const { send, calls, token } = createWorkerOn(message, 'fails');
      vi.spyOn(console, 'error').mockImplementation(() => {});

      await expectRefusedUpdate(row, await putValue(row, 9, await token()), INTERNAL_ERROR, send);

      expect(calls).toHaveLength(1);
    },
  );
});

describe('a long-running export of the database', () => {
  it('answers 503 after one attempt during an export of the database, with Retry-After of a minute', async () => {
    const row = await storeEvaluation();
    const { send, calls, token } = createWorkerOn(
      'Currently processing a long-running export.',
      'fails',
    );
    const sent = await putValue(row, 9, await token());

    await expectRefusedUpdate(row, sent, makeDatabaseUnavailable(60), send);

    expect(calls).toHaveLength(1);
  });
});

describe('every operation', () => {
  it.each(OPERATIONS)(
    'retries an operation on a transient error: $name',
    async ({ requestFor }) => {
      const row = await storeEvaluation();
      const { send, calls, token } = createWorkerOn(
        'Network connection lost.',
        'fails',
        'fails',
        'succeeds',
      );

      const response = await send(
        await requestFor(row, { authorization: `Bearer ${await token()}` }),
      );

      expect(response.ok).toBe(true);
      expect(calls).toEqual(['batch', 'batch', 'batch']);
    },
  );

  it.each(OPERATIONS)(
    'answers 503 while D1 is overloaded, and stores nothing: $name',
    async ({ requestFor }) => {
      const row = await storeEvaluation();
      const { send, calls, token } = createWorkerOn(
        'D1 DB is overloaded. Too many requests queued.',
        'fails',
      );
      const sent = await requestFor(row, { authorization: `Bearer ${await token()}` });

      await expectRefusedUpdate(row, sent, makeDatabaseUnavailable(5), send);

      expect(calls).toEqual(['batch']);
    },
  );

  it.each(OPERATIONS)('calls D1 once for an accepted request: $name', async ({ requestFor }) => {
    const row = await storeEvaluation();
    const { send, calls, token } = createWorkerOn('', 'succeeds');

    expect(
      (await send(await requestFor(row, { authorization: `Bearer ${await token()}` }))).ok,
    ).toBe(true);
    expect(calls).toEqual(['batch']);
  });
});

describe('a database that never answers', () => {
  it('answers 503 if the database does not answer within five seconds', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    let calls = 0;
    const db = interceptD1(DB, () => {
      calls += 1;
      return makePending();
    });
    const token = await mintToken({ exp: claims({}, clock.now()).exp });
    const sent = await putValue(row, 9, token);

    const refused = expectRefusedUpdate(
      row,
      sent,
      makeDatabaseUnavailable(5),
      createWorker({ DB: db }, clock),
    );
    await waitUntil(() => expect(calls).toBe(1));
    clock.advance(5);
    await refused;

    expect(calls).toBe(1);
  });
});

describe('a response lost after the commit', () => {
  it.each<Fate[]>([
    ['is lost', 'succeeds'],
    ['is lost', 'is lost', 'succeeds'],
    ['is lost', 'fails', 'succeeds'],
  ])(
    'retries a write whose response was lost, and stores nothing twice (%s, %s)',
    async (...fates) => {
      const row = await storeEvaluation();
      const { send, token } = createWorkerOn('Network connection lost.', ...fates);

      const response = await send(await putValue(row, 9, await token()));

      expect(response.status).toBe(200);
      expect(await response.json()).toEqual(await readEvaluation(row.id));
      expect(await readHistory(row.id)).toHaveLength(1);
      expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
    },
  );

  it('accepts a conditional write whose response was lost after the commit', async () => {
    const row = await storeEvaluation();
    const { send, token } = createWorkerOn('Network connection lost.', 'is lost', 'succeeds');
    const headers = { authorization: `Bearer ${await token()}`, 'if-match': `"${row.created_at}"` };

    expect(
      (await send(await request(buildPath(row), { body: '{"value":9}', headers }))).status,
    ).toBe(200);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('answers 503 after a lost response, whatever D1 answers later, because the attempt may be stored', async () => {
    const row = await storeEvaluation();
    let attempts = 0;
    const db = interceptD1(DB, async (_, call) => {
      attempts += 1;
      if (attempts > 1) throw new Error('D1_ERROR: CHECK constraint failed: SQLITE_CONSTRAINT');
      await call();
      throw new Error('D1_ERROR: Network connection lost.');
    });

    const response = await createWorker({ DB: db })(await putValue(row, 9));

    expect(response.status).toBe(503);
    expect(response.headers.has('retry-after')).toBe(true);
    expect((await readEvaluation(row.id))?.value).toBe(9);
  });

  it('does not undo what another writer has stored since a lost response, and returns its own write', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    const exp = claims({}, clock.now()).exp;
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      const answer = await call();
      if (calls > 1) return answer;
      clock.advance(1);
      const other = await putValue(row, 8, await mintToken({ sub: 'other', exp }));
      expect((await createWorker({}, clock)(other)).status).toBe(200);
      throw new Error('D1_ERROR: Network connection lost.');
    });

    const response = await createWorker(
      { DB: db },
      { ...clock, sleep: async () => clock.advance(1) },
    )(await putValue(row, 5, await mintToken({ exp })));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      ...row,
      value: 5,
      updated_by: 'user-123',
      updated_at: '2026-11-22T10:11:12.345Z',
    });
    expect(await readEvaluation(row.id)).toMatchObject({ value: 8, updated_by: 'other' });
    expect((await readHistory(row.id)).map(({ value }) => value)).toEqual([3, 5]);
  });

  const loseThen = (
    clock: ReturnType<typeof createStillClock>,
    fate: 'is lost' | 'fails',
    meanwhile: () => Promise<unknown>,
  ) => {
    let calls = 0;
    return interceptD1(DB, async (_, call) => {
      calls += 1;
      if (calls > 1) return call();
      if (fate === 'is lost') await call();
      clock.advance(0.001);
      await meanwhile();
      throw new Error('D1_ERROR: Network connection lost.');
    });
  };

  it('undoes nothing after a lost response if the clock was behind the row, with a precondition and without', async () => {
    for (const ifMatch of [null, '"2026-12-01T00:00:00.000Z"']) {
      const row = await storeEvaluation({
        updated_by: 'judge',
        updated_at: '2026-12-01T00:00:00.000Z',
      });
      const clock = createStillClock();
      const exp = claims({}, clock.now()).exp;
      const db = loseThen(clock, 'is lost', async () =>
        createWorker({}, clock)(await putValue(row, 8, await mintToken({ sub: 'other', exp }))),
      );
      const headers = { authorization: `Bearer ${await mintToken({ exp })}`, 'if-match': ifMatch };

      const response = await createWorker(
        { DB: db },
        clock,
      )(await request(buildPath(row), { body: '{"value":5}', headers }));

      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        value: 5,
        updated_at: '2026-12-01T00:00:00.001Z',
      });
      expect(await readEvaluation(row.id)).toMatchObject({ value: 8, updated_by: 'other' });
    }
  });

  it.each([
    ['another author', 'the same value', 'the same millisecond', 'twin', 5, 0],
    ['the same author', 'another value', 'the same millisecond', 'user-123', 6, 0],
    ['the same author', 'the same value', 'another millisecond', 'user-123', 5, 1],
  ])(
    'does not take a lost write for stored if %s stored %s in %s',
    async (_, __, ___, sub, value, later) => {
      const row = await storeEvaluation();
      const clock = createStillClock();
      const exp = claims({}, clock.now()).exp;
      const elsewhere = createStillClock();
      elsewhere.advance(later);
      const other = createWorker({}, elsewhere);
      const db = loseThen(clock, 'fails', async () => {
        await other(await putValue(row, value, await mintToken({ sub, exp })));
        await other(await putValue(row, 8, await mintToken({ sub: 'other', exp })));
      });

      await createWorker({ DB: db }, clock)(await putValue(row, 5, await mintToken({ exp })));

      expect(await readEvaluation(row.id)).toMatchObject({ value: 5, updated_by: 'user-123' });
    },
  );

  it('stores the same value again after another one, without looking for a lost write', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    const send = createWorker({}, clock);
    const exp = claims({}, clock.now()).exp;

    for (const [value, sub] of [
      [5, 'user-123'],
      [8, 'other'],
      [5, 'user-123'],
    ] as const) {
      await send(await putValue(row, value, await mintToken({ sub, exp })));
    }

    expect(await readEvaluation(row.id)).toMatchObject({ value: 5, updated_by: 'user-123' });
    expect(await readHistory(row.id)).toHaveLength(3);
  });

  it('answers 503 if the response stays lost, and accepts the same request again', async () => {
    const row = await storeEvaluation();
    const { send, calls, token } = createWorkerOn(
      'Network connection lost.',
      'is lost',
      'is lost',
      'is lost',
      'is lost',
      'succeeds',
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
  it.each(OVERLOAD)(
    'answers 503 to an overload without a retry, with a longer Retry-After: %s',
    async (message) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const { send, calls, token } = createWorkerOn(message, 'fails');

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, await token()),
        makeDatabaseUnavailable(5),
        send,
      );

      expect(calls).toHaveLength(1);
      expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({
        refusal: 'database_unavailable',
        cause: expect.stringContaining(message),
      });
    },
  );
});

describe('an error that is not transient', () => {
  it('does not retry an error that is not transient', async () => {
    const row = await storeEvaluation();
    const { send, calls, token } = createWorkerOn('no such column: value: SQLITE_ERROR', 'fails');

    await expectRefusedUpdate(row, await putValue(row, 9, await token()), INTERNAL_ERROR, send);

    expect(calls).toHaveLength(1);
  });
});
