/**
 * No 200 that is not true: how a write that is repeated, retried or late is told from another one. The faults come from
 * stand-ins for D1; clocks of edges differ by seconds.
 */
import { describe, expect, it } from 'vitest';
import { NOT_FOUND, unprocessable } from './support/answers.ts';
import { stillClock } from './support/clock.ts';
import { countingD1, flakyD1, interceptD1 } from './support/d1.ts';
import {
  ACCOUNT,
  claims,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  expectUnbroken,
  mintToken,
  pathOf,
  type Row,
  readEvaluation,
  readHistory,
  readRows,
  readRun,
  request,
  type Send,
  storeEvaluation,
  storeLabel,
  worker,
  workerWith,
} from './support/worker.ts';

const LOST = 'Network connection lost.';
const NOW = new Date('2026-11-22T10:11:12.345Z');

/** An edge whose clock is so many seconds ahead, on a database of its own way. */
const edge = (secondsAhead = 0, db: D1Database = DB): Send => {
  const clock = stillClock(NOW);
  clock.advance(secondsAhead);
  return workerWith({ DB: db }, clock);
};

type Put = { sub?: string; headers?: Record<string, string> };

const put = async (row: Row, value: number, { sub = 'user-a', headers = {} }: Put = {}) => {
  const token = await mintToken({ sub, exp: claims({}, NOW).exp });
  return request(pathOf(row), {
    body: JSON.stringify({ value }),
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
};

const valuesOf = async (row: Row) =>
  [...(await readHistory(row.id)), await readEvaluation(row.id)].map((entry) => entry?.value);

describe('an attempt of a write', () => {
  it('that failed before the commit is not taken for an older write of the same value by the same author', async () => {
    const row = await storeEvaluation({ value: 1 });
    // The row's version is ahead of the clock of the edge that the others use.
    await edge(1)(await put(row, 2, { sub: 'user-c' }));
    await edge()(await put(row, 5));
    await edge()(await put(row, 7, { sub: 'user-b' }));

    const response = await edge(0, flakyD1(DB, LOST, 'fails', 'succeeds').db)(await put(row, 5));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(await readEvaluation(row.id));
    expect(await valuesOf(row)).toEqual([1, 2, 5, 7, 5]);
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('that arrives late, after its retry and another caller\u2019s write, stores nothing', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { db, arrive } = flakyD1(DB, LOST, 'is late', 'succeeds');

    expect((await edge(0, db)(await put(row, 5))).status).toBe(200);
    await edge()(await put(row, 7, { sub: 'user-b' }));
    await arrive();

    expect(await valuesOf(row)).toEqual([1, 5, 7]);
  });

  it('that arrives late stores nothing either where its retry repeated what was stored already', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await put(row, 5));
    const { db, arrive } = flakyD1(DB, LOST, 'is late', 'succeeds');

    expect((await edge(0, db)(await put(row, 5))).status).toBe(200);
    await edge()(await put(row, 7, { sub: 'user-b' }));
    await arrive();

    expect(await readEvaluation(row.id)).toMatchObject({ value: 7, updated_by: 'user-b' });
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('that is stored and replaced since answers what it stored, wherever the clocks are', async () => {
    for (const seconds of [-5, 0, 5]) {
      const row = await storeEvaluation({ value: 1 });
      let calls = 0;
      const db = interceptD1(DB, async (_, call) => {
        calls += 1;
        const answer = await call();
        if (calls > 1) return answer;
        await edge(seconds)(await put(row, 7, { sub: 'user-b' }));
        throw new Error(`D1_ERROR: ${LOST}`);
      });

      const response = await edge(0, db)(await put(row, 5));

      expect(response.status).toBe(200);
      const stored = await response.json<Row>();
      expect(stored).toEqual({
        ...row,
        value: 5,
        updated_by: 'user-a',
        updated_at: NOW.toISOString(),
      });
      expect(response.headers.get('etag')).toBe(`"${stored.updated_at}"`);
      expect(await valuesOf(row)).toEqual([1, 5, 7]);
    }
  });

  it('costs the same for a row that was changed 10,000 times', async () => {
    const row = await storeEvaluation({ value: 1 });
    await fillHistory(row, 10_000);
    const { rows, calls } = countingRows();

    await edge(0, rows.db)(await put(row, 5));

    expect(calls()).toEqual([{ rows_read: 3, rows_written: 2 }]);
  });

  it('with a key costs the same for a row that was changed 300,000 times, and one written row more', async () => {
    const row = await storeEvaluation({ value: 1 });
    await fillHistory(row, 300_000);
    const { rows, calls } = countingRows();
    const headers = { 'idempotency-key': 'a' };

    await edge(0, rows.db)(await put(row, 5, { headers }));
    await edge(1)(await put(row, 7));
    await edge(2, rows.db)(await put(row, 5, { headers }));

    expect(calls()).toEqual([
      { rows_read: 3, rows_written: 3 },
      { rows_read: 8, rows_written: 0 },
    ]);
    expect((await readEvaluation(row.id))?.value).toBe(7);
  });

  it('of a create reads four rows', async () => {
    const row = await storeEvaluation();
    await storeLabel({ id: row.evaluation_label_id });
    const { rows, calls } = countingRows();
    const body = JSON.stringify({ evaluation_label_id: row.evaluation_label_id, value: 5 });

    await workerWith({ DB: rows.db })(
      await request(`/v1/run/${row.run_id}/evaluations`, { method: 'POST', body }),
    );

    expect(calls()).toEqual([{ rows_read: 4, rows_written: 2 }]);
  });
});

describe('If-Match', () => {
  it('with a tag that is not the present one is 412, also for the value and the author that are stored', async () => {
    const row = await storeEvaluation({ value: 1 });
    const ifMatch = `"${row.created_at}"`;
    expect((await edge()(await put(row, 2, { headers: { 'if-match': ifMatch } }))).status).toBe(
      200,
    );

    await expectRefusedUpdate(
      row,
      await put(row, 2, { headers: { 'if-match': ifMatch } }),
      {
        status: 412,
        error:
          'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
        headers: { etag: `"${NOW.toISOString()}"`, 'cache-control': 'no-store, no-transform' },
      },
      edge(),
    );
  });

  it('lets six clients of one subject count without losing a step', async () => {
    const row = await storeEvaluation({ value: 0 });
    const increment = async () => {
      const got = await worker(
        await request(pathOf(row), { method: 'GET', headers: { 'content-type': null } }),
      );
      const { value } = await got.json<Row>();
      const headers = { 'if-match': got.headers.get('etag') ?? '' };
      return (
        await worker(
          await request(pathOf(row), { body: JSON.stringify({ value: value + 1 }), headers }),
        )
      ).status;
    };
    const client = async () => {
      const statuses: number[] = [];
      for (let n = 0; n < 15; n += 1) statuses.push(await increment());
      return statuses;
    };

    const statuses = (await Promise.all(Array.from({ length: 6 }, client))).flat();

    const accepted = statuses.filter((status) => status === 200).length;
    expect(statuses.filter((status) => status !== 412)).toHaveLength(accepted);
    expect(await readEvaluation(row.id)).toMatchObject({ value: accepted });
    expect(await readHistory(row.id)).toHaveLength(accepted);
  });

  it('that holds stores a write of its own, also for the value and the author that are stored: one winner a tag', async () => {
    const row = await storeEvaluation({ value: 1 });
    const first = await edge()(await put(row, 2));
    const headers = { 'if-match': first.headers.get('etag') ?? '' };

    const second = await edge()(await put(row, 2, { headers }));

    expect(second.status).toBe(200);
    expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'));
    expect((await edge()(await put(row, 2, { headers }))).status).toBe(412);
  });

  it('does not refuse the retry of its own write whose answer was lost', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { db, calls } = flakyD1(DB, LOST, 'is lost', 'succeeds');

    const response = await edge(
      0,
      db,
    )(await put(row, 2, { headers: { 'if-match': `"${row.created_at}"` } }));

    expect(response.status).toBe(200);
    expect(calls).toEqual(['batch', 'batch']);
    expect(await valuesOf(row)).toEqual([1, 2]);
  });
});

describe.each(['idempotency-key', 'webhook-id', 'svix-id'])(
  'a write with the header %s',
  (header) => {
    const keyed = (key: string) => ({ headers: { [header]: key } });

    it('repeated late, after somebody else\u2019s correction, answers what it stored and does not undo the correction', async () => {
      const row = await storeEvaluation({ value: 1 });
      const delivery = { ...keyed('msg_2KWPBgLlAfxdpx2AI54pPJ85f4W'), sub: 'late-judge' };
      const first = await edge()(await put(row, 4, delivery));
      await edge()(await put(row, 8, { sub: 'reviewer' }));

      const repeated = await edge(300)(await put(row, 4, delivery));

      expect(repeated.status).toBe(200);
      expect(await repeated.json()).toEqual(await first.json());
      expect(repeated.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(await readEvaluation(row.id)).toMatchObject({ value: 8, updated_by: 'reviewer' });
      expect(await valuesOf(row)).toEqual([1, 4, 8]);
    });

    it('repeated with another value is 422', async () => {
      const row = await storeEvaluation({ value: 1 });
      await edge()(await put(row, 4, keyed('a')));
      const refusal = unprocessable(
        'The Idempotency-Key was sent to this evaluation before, with the value 4: send a new key with a new value.',
      );

      await expectRefusedUpdate(row, await put(row, 5, keyed('a')), refusal, edge());
      await edge()(await put(row, 8, { sub: 'reviewer' }));
      await expectRefusedUpdate(row, await put(row, 5, keyed('a')), refusal, edge());
    });

    it('with a new key is a new write, also of the same value by the same author', async () => {
      const row = await storeEvaluation({ value: 1 });
      const first = await edge()(await put(row, 4, keyed('a')));
      const second = await edge()(await put(row, 4, keyed('b')));

      expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'));
      expect(await valuesOf(row)).toEqual([1, 4, 4]);
    });

    it('is of its author and its evaluation alone: the same key of others is another write', async () => {
      const [row, sibling] = [
        await storeEvaluation({ value: 1 }),
        await storeEvaluation({ value: 1 }),
      ];
      await edge()(await put(row, 4, keyed('a')));

      expect((await edge()(await put(row, 5, { ...keyed('a'), sub: 'user-b' }))).status).toBe(200);
      expect((await edge()(await put(sibling, 6, keyed('a')))).status).toBe(200);

      expect(await valuesOf(row)).toEqual([1, 4, 5]);
      expect(await valuesOf(sibling)).toEqual([1, 6]);
    });

    it('repeated under a precondition that held only before it is 200, and stores nothing', async () => {
      const row = await storeEvaluation({ value: 1 });
      const headers = { [header]: 'a', 'if-match': `"${row.created_at}"` };
      const first = await edge()(await put(row, 4, { headers }));

      const repeated = await edge()(await put(row, 4, { headers }));

      expect(repeated.status).toBe(200);
      expect(repeated.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(await valuesOf(row)).toEqual([1, 4]);
    });

    it('is a key with or without quotes around it', async () => {
      const row = await storeEvaluation({ value: 1 });
      const first = await edge()(await put(row, 4, keyed('"a"')));

      expect((await edge()(await put(row, 4, keyed('a')))).headers.get('etag')).toBe(
        first.headers.get('etag'),
      );
      expect(await valuesOf(row)).toEqual([1, 4]);
    });

    it.each([
      ['empty', ''],
      ['in quotes and empty', '""'],
      ['of 256 characters', 'k'.repeat(256)],
      ['with a space', 'a b'],
      ['sent twice', 'a, b'],
      ['with half of its quotes', '"a'],
      ['with a quote inside', '"a"b"'],
      ['not of ASCII', 'ké'],
    ])('is refused, and not ignored, if it is %s', async (_, key) => {
      const row = await storeEvaluation();

      await expectRefusedUpdate(
        row,
        await put(row, 4, keyed(key)),
        {
          status: 400,
          error: `The header ${header} must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.`,
        },
        edge(),
      );
    });

    it('of 255 characters is one', async () => {
      const row = await storeEvaluation();

      expect((await edge()(await put(row, 4, keyed('k'.repeat(255))))).status).toBe(200);
    });

    it('is remembered as long as the evaluation exists, whatever was written since', async () => {
      const row = await storeEvaluation({ value: 1 });
      await edge()(await put(row, 4, keyed('a')));
      await edge(1)(await put(row, 8, { sub: 'reviewer' }));
      const clock = stillClock(NOW);
      clock.advance(365 * 24 * 3600);
      const token = await mintToken({ sub: 'user-a', exp: claims({}, clock.now()).exp });
      const headers = { authorization: `Bearer ${token}`, [header]: 'a' };
      const repeated = await request(pathOf(row), { body: '{"value":4}', headers });

      const response = await workerWith({}, clock)(repeated);

      expect(await response.json()).toMatchObject({ value: 4, updated_at: NOW.toISOString() });
      expect(await valuesOf(row)).toEqual([1, 4, 8]);
    });
  },
);

describe('an Idempotency-Key', () => {
  it('gives a write the same name for ever, so that a new version of the Worker knows what an old one stored', async () => {
    const row = await storeEvaluation();

    await edge()(await put(row, 4, { sub: 'user-123', headers: { 'idempotency-key': 'key-1' } }));

    const stored = DB.prepare('SELECT write_id FROM run_evaluation WHERE id = ?').bind(row.id);
    expect(await stored.first('write_id')).toBe('cc0aed443149958fd3320f5166523644');
  });

  it('goes before a webhook-id, and that before a svix-id', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(
      await put(row, 4, { headers: { 'idempotency-key': 'a', 'webhook-id': 'b', 'svix-id': 'c' } }),
    );

    expect(
      (await edge()(await put(row, 4, { headers: { 'webhook-id': 'a', 'svix-id': 'd' } }))).status,
    ).toBe(200);
    expect(await valuesOf(row)).toEqual([1, 4]);
  });

  it('does not excuse a field that would be changed', async () => {
    const row = await storeEvaluation({ value: 1 });
    const headers = { authorization: `Bearer ${await mintToken()}`, 'idempotency-key': 'a' };
    await worker(await request(pathOf(row), { body: '{"value":4}', headers }));

    await expectRefusedUpdate(
      row,
      await request(pathOf(row), { body: '{"value":4,"output_name":"other"}', headers }),
      unprocessable('output_name cannot be changed: leave it out, or send it as it is stored.'),
    );
  });
});

describe('a write that is no write of the Worker', () => {
  it('gets a name of its own, so that no repetition takes it for the write before', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await put(row, 4, { headers: { 'idempotency-key': 'a' } }));
    await DB.prepare('UPDATE run_evaluation SET value = 6 WHERE id = ?').bind(row.id).run();

    const repeated = await edge()(await put(row, 4, { headers: { 'idempotency-key': 'a' } }));

    expect(await repeated.json()).toMatchObject({ value: 4, updated_at: NOW.toISOString() });
    expect(await valuesOf(row)).toEqual([1, 4, 6]);
    expect(new Set(await writeIdsOf(row)).size).toBe(3);
  });
});

describe('a named write', () => {
  it('is told from one whose author and key only read alike together', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await put(row, 4, { sub: 'a', headers: { 'idempotency-key': 'bc' } }));

    expect(
      (await edge()(await put(row, 5, { sub: 'ab', headers: { 'idempotency-key': 'c' } }))).status,
    ).toBe(200);
    expect(await valuesOf(row)).toEqual([1, 4, 5]);
  });
});

describe('a create with an Idempotency-Key', () => {
  const create = async (
    label: string,
    run: string,
    more: object = {},
    sub = 'user-a',
    key = 'k-1',
  ) => {
    const token = await mintToken({ sub, exp: claims({}, NOW).exp });
    return request(`/v1/run/${run}/evaluations`, {
      method: 'POST',
      body: JSON.stringify({ evaluation_label_id: label, value: 5, ...more }),
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': key },
    });
  };
  const given = async () => {
    const [label, run] = [crypto.randomUUID(), crypto.randomUUID()];
    await storeLabel({ id: label });
    return [label, run] as const;
  };

  it('gets an id from it, a UUID of version 8, so that a repetition answers 200 with the same evaluation', async () => {
    const [label, run] = await given();
    const first = await edge()(await create(label, run));
    const again = await edge(60)(await create(label, run));

    expect([first.status, again.status]).toEqual([201, 200]);
    const stored = await first.json<Row>();
    expect(stored.id).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(await again.json()).toEqual(stored);
    expect(await readRun(run)).toHaveLength(1);
  });

  it('repeated with other content is 409', async () => {
    const [label, run] = await given();
    await edge()(await create(label, run));

    expect((await edge()(await create(label, run, { value: 6 }))).status).toBe(409);
    expect(await readRun(run)).toMatchObject([{ value: 5 }]);
  });

  it('is another create for another author, run or key', async () => {
    const [label, run] = await given();
    const [, elsewhere] = await given();
    for (const sent of [
      await create(label, run),
      await create(label, run, {}, 'user-b'),
      await create(label, run, {}, 'user-a', 'k-2'),
      await create(label, elsewhere),
    ]) {
      expect((await edge()(sent)).status).toBe(201);
    }
    expect(await readRun(run)).toHaveLength(3);
  });

  it('takes the id of the body, if there is one', async () => {
    const [label, run] = await given();
    const id = crypto.randomUUID();

    expect(await (await edge()(await create(label, run, { id }))).json()).toMatchObject({ id });
  });

  it('whose answer was lost answers 201 with what it stored, though it has been updated since', async () => {
    const [label, run] = await given();
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      const answer = await call();
      if (calls > 1) return answer;
      const [row] = await readRun(run);
      if (row) await edge()(await put(row, 9, { sub: 'user-b' }));
      throw new Error(`D1_ERROR: ${LOST}`);
    });

    const response = await edge(0, db)(await create(label, run));

    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ value: 5, updated_by: null });
    expect(response.headers.get('etag')).toBe(`"${NOW.toISOString()}"`);
    expect(await readRun(run)).toMatchObject([{ value: 9 }]);
  });
});

describe('an id', () => {
  const create = async (id: string, label: string, account_id: string, value = 5) =>
    request(`/v1/run/${id}/evaluations`, {
      method: 'POST',
      body: JSON.stringify({ id, evaluation_label_id: label, value }),
      headers: {
        authorization: `Bearer ${await mintToken({ account_id, exp: claims({}, NOW).exp })}`,
        'x-request-id': 'same-for-all',
      },
    });
  const bytesOf = async (response: Response) => ({
    status: response.status,
    headers: [...response.headers].filter(([name]) => name !== 'x-d1-bookmark'),
    body: await response.text(),
  });

  it('that another account holds is free, and no answer tells of it', async () => {
    const [id, free] = [crypto.randomUUID(), crypto.randomUUID()];
    const label = crypto.randomUUID();
    await storeLabel({ id: label, account_id: 'shared' });
    await edge()(await create(id, label, 'acc_neighbour', 3));

    const unknownLabel = crypto.randomUUID();
    expect(await bytesOf(await edge()(await create(id, unknownLabel, ACCOUNT)))).toEqual(
      await bytesOf(await edge()(await create(free, unknownLabel, ACCOUNT))),
    );
    expect((await edge()(await create(id, label, ACCOUNT))).status).toBe(201);

    const stored = await readRows<Row>(
      'SELECT account_id, value FROM run_evaluation WHERE id = ?',
      id,
    );
    expect(stored.sort((a, b) => a.value - b.value)).toEqual([
      { account_id: 'acc_neighbour', value: 3 },
      { account_id: ACCOUNT, value: 5 },
    ]);
  });

  it('that two accounts use is updated, read and deleted in each apart', async () => {
    const mine = await storeEvaluation({ value: 1 });
    const theirs = { ...mine, account_id: 'acc_neighbour', value: 2 };
    await storeEvaluation(theirs);
    await edge()(await put(mine, 5));

    const read = async (account: string) =>
      DB.prepare('SELECT value FROM run_evaluation WHERE account_id = ? AND id = ?')
        .bind(account, mine.id)
        .first('value');
    expect([await read(ACCOUNT), await read('acc_neighbour')]).toEqual([5, 2]);
    const history = await worker(
      await request(`${pathOf(mine)}/history`, {
        method: 'GET',
        headers: {
          'content-type': null,
          authorization: `Bearer ${await mintToken({ account_id: 'acc_neighbour' })}`,
        },
      }),
    );
    expect(await history.json()).toEqual([]);
  });

  it('and a key that two accounts use in the same way never mix their values, histories and answers', async () => {
    const mine = await storeEvaluation({ value: 1 });
    const theirs = await storeEvaluation({ ...mine, account_id: 'acc_neighbour', value: 2 });
    const send = async (
      account_id: string,
      value: number,
      headers: Record<string, string> = {},
    ) => {
      const token = await mintToken({ sub: 'user-a', account_id, exp: claims({}, NOW).exp });
      const sent = { authorization: `Bearer ${token}`, ...headers };
      return edge()(
        await request(pathOf(mine), { body: JSON.stringify({ value }), headers: sent }),
      );
    };
    const key = { 'idempotency-key': 'same' };
    await send('acc_neighbour', 20, key);
    await send('acc_neighbour', 21);
    expect((await send(ACCOUNT, 20, { ...key, 'if-match': '"x"' })).status).toBe(412);

    const first = await (await send(ACCOUNT, 20, key)).json<Row>();
    await send(ACCOUNT, 11);
    const repeated = await (await send(ACCOUNT, 20, key)).json<Row>();

    expect(repeated).toEqual(first);
    expect(first).toMatchObject({ account_id: ACCOUNT, value: 20 });
    await DB.prepare('UPDATE run_evaluation SET value = 12 WHERE account_id = ? AND id = ?')
      .bind(ACCOUNT, mine.id)
      .run();
    const chain = async (account: string) => {
      const query = `SELECT value FROM run_evaluation_history WHERE account_id = ?1 AND evaluation_id = ?2
        UNION ALL SELECT value FROM run_evaluation WHERE account_id = ?1 AND id = ?2`;
      const { results } = await DB.prepare(query).bind(account, mine.id).all<{ value: number }>();
      return results.map(({ value }) => value);
    };
    expect(await chain(ACCOUNT)).toEqual([1, 20, 11, 12]);
    expect(await chain('acc_neighbour')).toEqual([theirs.value, 20, 21]);

    const changeTheirs = DB.prepare(
      `UPDATE run_evaluation SET value = 22 WHERE account_id = 'acc_neighbour' AND id = ?`,
    );
    await changeTheirs.bind(mine.id).run();
    const lastOfTheirs = await DB.prepare(
      `SELECT (SELECT max(replaced_at) FROM run_evaluation_history WHERE account_id = e.account_id AND evaluation_id = e.id)
        AS replaced_at, updated_at FROM run_evaluation AS e WHERE account_id = 'acc_neighbour' AND id = ?`,
    )
      .bind(mine.id)
      .first<{ replaced_at: string; updated_at: string }>();
    expect(lastOfTheirs?.replaced_at).toBe(lastOfTheirs?.updated_at);

    await DB.prepare('DELETE FROM run_evaluation WHERE account_id = ? AND id = ?')
      .bind(ACCOUNT, mine.id)
      .run();
    expect(await chain(ACCOUNT)).toEqual([]);
    expect(await chain('acc_neighbour')).toEqual([theirs.value, 20, 21, 22]);
  });

  it('that two accounts created with other values is a repetition in each of its own create alone', async () => {
    const [id, label] = [crypto.randomUUID(), crypto.randomUUID()];
    await storeLabel({ id: label, account_id: 'shared' });
    const update = async (account_id: string, value: number) =>
      edge()(
        await request(pathOf({ run_id: id, id }), {
          body: JSON.stringify({ value }),
          headers: {
            authorization: `Bearer ${await mintToken({ account_id, exp: claims({}, NOW).exp })}`,
          },
        }),
      );
    for (const [account, value] of [
      [ACCOUNT, 3],
      ['acc_neighbour', 4],
    ] as const) {
      expect((await edge()(await create(id, label, account, value))).status).toBe(201);
      expect((await update(account, 9)).status).toBe(200);
    }

    expect((await edge()(await create(id, label, ACCOUNT, 3))).status).toBe(200);
    expect((await edge()(await create(id, label, ACCOUNT, 4))).status).toBe(409);
    expect((await edge()(await create(id, label, 'acc_neighbour', 4))).status).toBe(200);
  });

  it('of a deleted evaluation has no history: who creates it next reads nothing of the one before', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await put(row, 5));
    await DB.prepare('DELETE FROM run_evaluation WHERE id = ?').bind(row.id).run();

    expect(await readHistory(row.id)).toEqual([]);
    await storeEvaluation({ ...row, value: 9 });
    const get = await request(`${pathOf(row)}/history`, {
      method: 'GET',
      headers: { 'content-type': null },
    });
    expect(await (await worker(get)).json()).toEqual([]);
  });

  it('of a label that is both the account\u2019s own and shared is the account\u2019s own', async () => {
    const row = await storeEvaluation();
    await storeLabel({ id: row.evaluation_label_id, min_value: 100, max_value: 200 });
    await storeLabel({
      id: row.evaluation_label_id,
      account_id: 'shared',
      min_value: 1,
      max_value: 10,
    });

    expect((await worker(await request(pathOf(row), { body: '{"value":150}' }))).status).toBe(200);
    await expectRefusedUpdate(
      row,
      await request(pathOf(row), { body: '{"value":5}' }),
      unprocessable('value must be between 100 and 200.'),
    );
  });
});

describe('an answer', () => {
  it('of any write takes one call to D1, accepted or refused', async () => {
    const row = await storeEvaluation({ value: 1 });
    await storeLabel({ id: row.evaluation_label_id, min_value: 0, max_value: 10 });
    const id = crypto.randomUUID();
    const create = (more: object) => ({
      method: 'POST',
      body: JSON.stringify({ id, evaluation_label_id: row.evaluation_label_id, value: 5, ...more }),
    });
    const collection = `/v1/run/${row.run_id}/evaluations`;
    const cases: [number, string, Parameters<typeof request>[1]][] = [
      [200, pathOf(row), { body: '{"value":2}' }],
      [200, pathOf(row), { body: '{"value":2}' }],
      [404, pathOf({ ...row, id }), { body: '{"value":2}' }],
      [412, pathOf(row), { body: '{"value":2}', headers: { 'if-match': '"x"' } }],
      [422, pathOf(row), { body: '{"value":11}' }],
      [422, pathOf(row), { body: '{"value":2,"output_name":"x"}' }],
      [201, collection, create({})],
      [200, collection, create({})],
      [409, collection, create({ value: 6 })],
      [404, collection, create({ id: crypto.randomUUID(), evaluation_label_id: id })],
      [422, collection, create({ id: crypto.randomUUID(), value: 11 })],
    ];

    for (const [status, path, init] of cases) {
      const { db, calls } = countingD1(DB);
      const response = await workerWith({ DB: db })(await request(path, init));
      expect({ status: response.status, calls }).toEqual({ status, calls: ['batch'] });
    }
  });

  it('that nothing explains is asked for once more, alone, and then is a fault of ours', async () => {
    const row = { ...(await storeEvaluation({ value: 1 })), id: crypto.randomUUID() };
    const send = (unexplained: number) => {
      const { db, calls } = countingD1(DB);
      const silent = interceptD1(db, async (method, call) => {
        const results = await call();
        if (calls.length > unexplained) return results;
        const nothing = { ...(Array.isArray(results) ? results[0] : results), results: [] };
        return method === 'batch' ? [nothing, nothing] : nothing;
      });
      return { calls, send: workerWith({ DB: silent }) };
    };

    const once = send(1);
    await expectRefusal(
      await once.send(await request(pathOf(row), { body: '{"value":2}' })),
      NOT_FOUND,
    );
    expect(once.calls).toEqual(['batch', 'all']);
    expect((await send(2).send(await request(pathOf(row), { body: '{"value":2}' }))).status).toBe(
      500,
    );
  });
});

/** A row that was changed so many times in the last days, by statements of its own. */
async function fillHistory(row: Row, entries: number): Promise<void> {
  await DB.prepare(
    `INSERT INTO run_evaluation_history (account_id, evaluation_id, value, updated_by, updated_at, replaced_by, replaced_at, write_id)
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
     SELECT ?2, ?3, n, 'someone', strftime('%Y-%m-%dT%H:%M:%fZ', '2026-11-22T00:00:00.000Z', n || ' seconds'), 'someone',
       strftime('%Y-%m-%dT%H:%M:%fZ', '2026-11-22T00:00:00.000Z', (n + 1) || ' seconds'), lower(hex(randomblob(16))) FROM n`,
  )
    .bind(entries, row.account_id, row.id)
    .run();
}

const writeIdsOf = async (row: Row) => {
  const query = `SELECT write_id FROM run_evaluation_history WHERE evaluation_id = ?1
    UNION ALL SELECT write_id FROM run_evaluation WHERE id = ?1`;
  return (await DB.prepare(query).bind(row.id).all<{ write_id: string }>()).results.map(
    ({ write_id }) => write_id,
  );
};

/** The real database, with what each call cost. */
function countingRows() {
  const costs: { rows_read: number; rows_written: number }[] = [];
  const db = interceptD1(DB, async (_, call) => {
    const results = await call();
    const metas = (results as D1Result[]).map(({ meta }) => meta);
    const sum = (name: 'rows_read' | 'rows_written') =>
      metas.reduce((total, meta) => total + meta[name], 0);
    costs.push({ rows_read: sum('rows_read'), rows_written: sum('rows_written') });
    return results;
  });
  return { rows: { db }, calls: () => costs };
}
