/** Tests the cost of a write: one call to D1, however long the history of the evaluation is. */
import { describe, expect, it } from 'vitest';
import { NOT_FOUND } from './support/answers.ts';
import { countCalls, countRows, interceptD1 } from './support/d1.ts';
import { edge, makeUpdate } from './support/edge.ts';
import { answer, createLinkTo, post } from './support/links.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  type Row,
  readEvaluation,
  request,
  storeEvaluation,
  storeLabel,
} from './support/worker.ts';

describe('the cost of a write', () => {
  it('reads three rows and writes two for an update of a row that was changed 10,000 times', async () => {
    const row = await storeEvaluation({ value: 1 });
    await fillHistory(row, 10_000);
    const { db, rows } = countRows(DB);

    await edge(0, db)(await makeUpdate(row, 5));

    expect(rows).toEqual([{ read: 3, written: 2 }]);
  });

  it('a keyed update of a row that was changed 300,000 times costs only one written row more', async () => {
    const row = await storeEvaluation({ value: 1 });
    await fillHistory(row, 300_000);
    const { db, rows } = countRows(DB);
    const headers = { 'idempotency-key': 'a' };

    await edge(0, db)(await makeUpdate(row, 5, { headers }));
    await edge(1)(await makeUpdate(row, 7));
    await edge(2, db)(await makeUpdate(row, 5, { headers }));

    expect(rows).toEqual([
      { read: 3, written: 3 },
      { read: 8, written: 0 },
    ]);
    expect((await readEvaluation(row.id))?.value).toBe(7);
  });

  it('an answer on a page costs the same however often the row was changed', async () => {
    const row = await storeEvaluation({ value: 1 });
    await fillHistory(row, 10_000);
    const { url } = await createLinkTo(row);
    const { db, rows } = countRows(DB);

    await createWorker({ DB: db })(answer(url, row.created_at, '5'));
    await createWorker({ DB: db })(answer(url, row.created_at, '5'));

    expect((await readEvaluation(row.id))?.value).toBe(5);
    expect(rows.map(({ written }) => written)).toEqual([3, 0]);
    expect(Math.max(...rows.map(({ read }) => read))).toBeLessThanOrEqual(10 + 2 * 30);
  });

  it('reads four rows and writes two for a create', async () => {
    const row = await storeEvaluation();
    await storeLabel({ id: row.evaluation_label_id });
    const { db, rows } = countRows(DB);
    const body = JSON.stringify({ evaluation_label_id: row.evaluation_label_id, value: 5 });

    await createWorker({ DB: db })(
      await request(`/v1/run/${row.run_id}/evaluations`, { method: 'POST', body }),
    );

    expect(rows).toEqual([{ read: 4, written: 2 }]);
  });

  it('calls D1 once for any write, accepted or refused', async () => {
    const row = await storeEvaluation({ value: 1 });
    await storeLabel({ id: row.evaluation_label_id, min_value: 0, max_value: 10 });
    const id = crypto.randomUUID();
    const create = (more: object) => ({
      method: 'POST',
      body: JSON.stringify({ id, evaluation_label_id: row.evaluation_label_id, value: 5, ...more }),
    });
    const collection = `/v1/run/${row.run_id}/evaluations`;
    const cases: [number, string, Parameters<typeof request>[1]][] = [
      [200, buildPath(row), { body: '{"value":2}' }],
      [200, buildPath(row), { body: '{"value":2}' }],
      [404, buildPath({ ...row, id }), { body: '{"value":2}' }],
      [412, buildPath(row), { body: '{"value":2}', headers: { 'if-match': '"x"' } }],
      [422, buildPath(row), { body: '{"value":11}' }],
      [422, buildPath(row), { body: '{"value":2,"output_name":"x"}' }],
      [201, collection, create({})],
      [200, collection, create({})],
      [409, collection, create({ value: 6 })],
      [404, collection, create({ id: crypto.randomUUID(), evaluation_label_id: id })],
      [422, collection, create({ id: crypto.randomUUID(), value: 11 })],
    ];

    for (const [status, path, init] of cases) {
      const { db, calls } = countCalls(DB);
      const response = await createWorker({ DB: db })(await request(path, init));
      expect({ status: response.status, calls }).toEqual({ status, calls: ['batch'] });
    }
  });

  it('calls D1 once for a body through a link with every option, and never for one that it ignores', async () => {
    const row = await storeEvaluation({ value: 1 });
    await storeLabel({ id: row.evaluation_label_id, min_value: 0, max_value: 10 });
    const { url } = await createLinkTo(row, {
      path: "$.answers[?@.ref=='x'].n",
      values: { good: 5 },
      where: { '/item': 1 },
      delivery: '/id',
    });
    const event = (n: unknown, item = 1) => ({ id: `${n}`, item, answers: [{ ref: 'x', n }] });
    const cases: [number, object, string[]][] = [
      [200, event('good'), ['batch']],
      [200, event('good'), ['batch']],
      [422, event(11), ['batch']],
      [422, event('bad'), []],
      [204, event('good', 2), []],
    ];

    for (const [status, body, expected] of cases) {
      const { db, calls } = countCalls(DB);
      const response = await createWorker({ DB: db })(post(url, body));
      expect({ status: response.status, calls }).toEqual({ status, calls: expected });
    }
  });

  it('calls D1 again if nothing explains a refusal, and answers 500 if that call explains nothing either', async () => {
    const row = { ...(await storeEvaluation({ value: 1 })), id: crypto.randomUUID() };
    const send = (unexplained: number) => {
      const { db, calls } = countCalls(DB);
      const silent = interceptD1(db, async (method, call) => {
        const results = await call();
        if (calls.length > unexplained) return results;
        const nothing = { ...(Array.isArray(results) ? results[0] : results), results: [] };
        return method === 'batch' ? [nothing, nothing] : nothing;
      });
      return { calls, send: createWorker({ DB: silent }) };
    };

    const once = send(1);
    await expectRefusal(
      await once.send(await request(buildPath(row), { body: '{"value":2}' })),
      NOT_FOUND,
    );
    expect(once.calls).toEqual(['batch', 'batch']);
    expect(
      (await send(2).send(await request(buildPath(row), { body: '{"value":2}' }))).status,
    ).toBe(500);
  });
});

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
