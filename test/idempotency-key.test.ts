/**
 * Tests writes with an idempotency key. A repeated write never undoes a later write of another
 * caller.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { interceptD1 } from './support/d1.ts';
import { edge, LOST, makeUpdate, mintTokenAt, NOW, readValues } from './support/edge.ts';
import {
  buildPath,
  claims,
  DB,
  expectRefusedUpdate,
  mintToken,
  type Row,
  readEvaluation,
  readRun,
  request,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

describe.each(['idempotency-key', 'webhook-id', 'svix-id'])(
  'a write with the header %s',
  (header) => {
    const keyed = (key: string) => ({ headers: { [header]: key } });

    it('returns what a write stored if it is repeated after a correction by another caller, and undoes nothing', async () => {
      const row = await storeEvaluation({ value: 1 });
      const delivery = { ...keyed('msg_2KWPBgLlAfxdpx2AI54pPJ85f4W'), sub: 'late-judge' };
      const first = await edge()(await makeUpdate(row, 4, delivery));
      await edge()(await makeUpdate(row, 8, { sub: 'reviewer' }));

      const repeated = await edge(300)(await makeUpdate(row, 4, delivery));

      expect(repeated.status).toBe(200);
      expect(await repeated.json()).toEqual(await first.json());
      expect(repeated.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(await readEvaluation(row.id)).toMatchObject({ value: 8, updated_by: 'reviewer' });
      expect(await readValues(row)).toEqual([1, 4, 8]);
    });

    it('refuses a key that is repeated with another value', async () => {
      const row = await storeEvaluation({ value: 1 });
      await edge()(await makeUpdate(row, 4, keyed('a')));
      const refusal = makeUnprocessable(
        'The Idempotency-Key was sent to this evaluation before, with the value 4: send a new key with a new value.',
      );

      await expectRefusedUpdate(row, await makeUpdate(row, 5, keyed('a')), refusal, edge());
      await edge()(await makeUpdate(row, 8, { sub: 'reviewer' }));
      await expectRefusedUpdate(row, await makeUpdate(row, 5, keyed('a')), refusal, edge());
    });

    it('stores a new key as a new write, also of the same value by the same author', async () => {
      const row = await storeEvaluation({ value: 1 });
      const first = await edge()(await makeUpdate(row, 4, keyed('a')));
      const second = await edge()(await makeUpdate(row, 4, keyed('b')));

      expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'));
      expect(await readValues(row)).toEqual([1, 4, 4]);
    });

    it('stores the same key of another author, or for another evaluation, as another write', async () => {
      const [row, sibling] = [
        await storeEvaluation({ value: 1 }),
        await storeEvaluation({ value: 1 }),
      ];
      await edge()(await makeUpdate(row, 4, keyed('a')));

      expect(
        (await edge()(await makeUpdate(row, 5, { ...keyed('a'), sub: 'user-b' }))).status,
      ).toBe(200);
      expect((await edge()(await makeUpdate(sibling, 6, keyed('a')))).status).toBe(200);

      expect(await readValues(row)).toEqual([1, 4, 5]);
      expect(await readValues(sibling)).toEqual([1, 6]);
    });

    it('accepts a repetition under a precondition that was true only before it, and stores nothing', async () => {
      const row = await storeEvaluation({ value: 1 });
      const headers = { [header]: 'a', 'if-match': `"${row.created_at}"` };
      const first = await edge()(await makeUpdate(row, 4, { headers }));

      const repeated = await edge()(await makeUpdate(row, 4, { headers }));

      expect(repeated.status).toBe(200);
      expect(repeated.headers.get('etag')).toBe(first.headers.get('etag'));
      expect(await readValues(row)).toEqual([1, 4]);
    });

    it('takes a key with quotes around it for the same key', async () => {
      const row = await storeEvaluation({ value: 1 });
      const first = await edge()(await makeUpdate(row, 4, keyed('"a"')));

      expect((await edge()(await makeUpdate(row, 4, keyed('a')))).headers.get('etag')).toBe(
        first.headers.get('etag'),
      );
      expect(await readValues(row)).toEqual([1, 4]);
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
    ])('refuses a key with 400, and does not ignore it: %s', async (_, key) => {
      const row = await storeEvaluation();

      await expectRefusedUpdate(
        row,
        await makeUpdate(row, 4, keyed(key)),
        {
          status: 400,
          error: `The header ${header} must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.`,
        },
        edge(),
      );
    });

    it('accepts a key of 255 characters', async () => {
      const row = await storeEvaluation();

      expect((await edge()(await makeUpdate(row, 4, keyed('k'.repeat(255))))).status).toBe(200);
    });

    it('recognizes a repetition as long as the evaluation exists, whatever was written since', async () => {
      const row = await storeEvaluation({ value: 1 });
      await edge()(await makeUpdate(row, 4, keyed('a')));
      await edge(1)(await makeUpdate(row, 8, { sub: 'reviewer' }));
      const year = 365 * 24 * 3600;
      const token = await mintTokenAt({ sub: 'user-a' }, year);
      const headers = { authorization: `Bearer ${token}`, ...keyed('a').headers };

      const response = await edge(year)(await makeUpdate(row, 4, { headers }));

      expect(await response.json()).toMatchObject({ value: 4, updated_at: NOW.toISOString() });
      expect(await readValues(row)).toEqual([1, 4, 8]);
    });
  },
);

describe('an Idempotency-Key', () => {
  it('gives a write the same name in each version of the Worker', async () => {
    const row = await storeEvaluation();

    await edge()(
      await makeUpdate(row, 4, { sub: 'user-123', headers: { 'idempotency-key': 'key-1' } }),
    );

    const stored = DB.prepare('SELECT write_id FROM run_evaluation WHERE id = ?').bind(row.id);
    expect(await stored.first('write_id')).toBe('cc0aed443149958fd3320f5166523644');
  });

  it('takes an Idempotency-Key before a webhook-id, and a webhook-id before a svix-id', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(
      await makeUpdate(row, 4, {
        headers: { 'idempotency-key': 'a', 'webhook-id': 'b', 'svix-id': 'c' },
      }),
    );

    expect(
      (await edge()(await makeUpdate(row, 4, { headers: { 'webhook-id': 'a', 'svix-id': 'd' } })))
        .status,
    ).toBe(200);
    expect(await readValues(row)).toEqual([1, 4]);
  });

  it('refuses a repetition that changes another field', async () => {
    const row = await storeEvaluation({ value: 1 });
    const headers = { authorization: `Bearer ${await mintToken()}`, 'idempotency-key': 'a' };
    await worker(await request(buildPath(row), { body: '{"value":4}', headers }));

    await expectRefusedUpdate(
      row,
      await request(buildPath(row), { body: '{"value":4,"output_name":"other"}', headers }),
      makeUnprocessable('output_name cannot be changed: leave it out, or send it as it is stored.'),
    );
  });
});

describe('a write at a console', () => {
  it('gives a write at a console a name of its own, so that no repetition takes it for the write before', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await makeUpdate(row, 4, { headers: { 'idempotency-key': 'a' } }));
    await DB.prepare('UPDATE run_evaluation SET value = 6 WHERE id = ?').bind(row.id).run();

    const repeated = await edge()(
      await makeUpdate(row, 4, { headers: { 'idempotency-key': 'a' } }),
    );

    expect(await repeated.json()).toMatchObject({ value: 4, updated_at: NOW.toISOString() });
    expect(await readValues(row)).toEqual([1, 4, 6]);
    expect(new Set(await readWriteIds(row)).size).toBe(3);
  });
});

describe('a named write', () => {
  it('tells two writes apart whose author and key give the same text together', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await makeUpdate(row, 4, { sub: 'a', headers: { 'idempotency-key': 'bc' } }));

    expect(
      (await edge()(await makeUpdate(row, 5, { sub: 'ab', headers: { 'idempotency-key': 'c' } })))
        .status,
    ).toBe(200);
    expect(await readValues(row)).toEqual([1, 4, 5]);
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

  it('makes a UUID of version 8 from the key of a create, and answers a repetition with the same evaluation', async () => {
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

  it('refuses the key of a create that is repeated with other content', async () => {
    const [label, run] = await given();
    await edge()(await create(label, run));

    expect((await edge()(await create(label, run, { value: 6 }))).status).toBe(409);
    expect(await readRun(run)).toMatchObject([{ value: 5 }]);
  });

  it('stores another evaluation for another author, run or key', async () => {
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

  it('takes the id in the body of a create before the id from its key', async () => {
    const [label, run] = await given();
    const id = crypto.randomUUID();

    expect(await (await edge()(await create(label, run, { id }))).json()).toMatchObject({ id });
  });

  it('answers 201 with what a create stored if its response was lost and the evaluation has been updated since', async () => {
    const [label, run] = await given();
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      const answer = await call();
      if (calls > 1) return answer;
      const [row] = await readRun(run);
      if (row) await edge()(await makeUpdate(row, 9, { sub: 'user-b' }));
      throw new Error(`D1_ERROR: ${LOST}`);
    });

    const response = await edge(0, db)(await create(label, run));

    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ value: 5, updated_by: null });
    expect(response.headers.get('etag')).toBe(`"${NOW.toISOString()}"`);
    expect(await readRun(run)).toMatchObject([{ value: 9 }]);
  });
});

const readWriteIds = async (row: Row) => {
  const query = `SELECT write_id FROM run_evaluation_history WHERE evaluation_id = ?1
    UNION ALL SELECT write_id FROM run_evaluation WHERE id = ?1`;
  return (await DB.prepare(query).bind(row.id).all<{ write_id: string }>()).results.map(
    ({ write_id }) => write_id,
  );
};
