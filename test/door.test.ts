/** Tokens that open one door only: for that run, that evaluation; elsewhere they find nothing. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { countingD1 } from './d1';
import { OPERATIONS } from './operations';
import { mintToken, type Row, readEvaluation, storeEvaluation, worker, workerWith } from './worker';

describe.each(OPERATIONS)('$name', ({ requestFor }) => {
  const sendAs = async (row: Row, restriction: object) =>
    requestFor(row, { authorization: `Bearer ${await mintToken({ ...restriction })}`, 'x-request-id': 'same-for-all' });

  it.each<[string, (row: Row) => object]>([
    ['its run', ({ run_id }) => ({ run_id })],
    ['its evaluation', ({ id }) => ({ evaluation_id: id })],
    ['its run and its evaluation', ({ run_id, id }) => ({ run_id, evaluation_id: id })],
    ['the same in upper case', ({ run_id, id }) => ({ run_id: run_id.toUpperCase(), evaluation_id: id.toUpperCase() })],
  ])('opens with a token for %s', async (_, restriction) => {
    const row = await storeEvaluation();

    expect((await worker(await sendAs(row, restriction(row)))).ok).toBe(true);
  });

  it.each<[string, (row: Row, sibling: Row) => object]>([
    ['another run', () => ({ run_id: crypto.randomUUID() })],
    ['another evaluation of the run', (_, sibling) => ({ evaluation_id: sibling.id })],
    ['the run and another evaluation of it', ({ run_id }, sibling) => ({ run_id, evaluation_id: sibling.id })],
    ['another run and this evaluation', ({ id }) => ({ run_id: crypto.randomUUID(), evaluation_id: id })],
    ['the ids the wrong way round', ({ run_id, id }) => ({ run_id: id, evaluation_id: run_id })],
  ])('answers as for a row that does not exist to a token for %s, and asks nothing of D1', async (_, restriction) => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });
    const missing = { ...row, id: crypto.randomUUID(), run_id: crypto.randomUUID() };
    const { db, calls } = countingD1(env.DB);

    const refused = await workerWith({ DB: db })(await sendAs(row, restriction(row, sibling)));
    const notThere = await worker(await sendAs(missing, {}));

    expect(notThere.status).toBe(404);
    expect({ status: refused.status, headers: [...refused.headers], body: await refused.text() }).toEqual({
      status: notThere.status,
      headers: [...notThere.headers],
      body: await notThere.text(),
    });
    expect(calls).toEqual([]);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('does not open the account of the token to another account', async () => {
    const row = await storeEvaluation({ account_id: 'acc_neighbour' });

    expect((await worker(await sendAs(row, { run_id: row.run_id, evaluation_id: row.id }))).status).toBe(404);
    expect(await readEvaluation(row.id)).toEqual(row);
  });
});
