/**
 * Tests that two accounts can use the same id, and that neither account can see or reach the
 * other's row.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { edge, makeUpdate, NOW } from './support/edge.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  DB,
  expectRefusedUpdate,
  mintToken,
  type Row,
  readHistory,
  readRows,
  request,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

describe('an id of two accounts', () => {
  const create = async (id: string, label: string, account_id: string, value = 5) =>
    request(`/v1/run/${id}/evaluations`, {
      method: 'POST',
      body: JSON.stringify({ id, evaluation_label_id: label, value }),
      headers: {
        authorization: `Bearer ${await mintToken({ account_id, exp: claims({}, NOW).exp })}`,
        'x-request-id': 'same-for-all',
      },
    });
  const readBytes = async (response: Response) => ({
    status: response.status,
    headers: [...response.headers].filter(([name]) => name !== 'x-d1-bookmark'),
    body: await response.text(),
  });

  it('creates an id that another account has, and no response tells of that account', async () => {
    const [id, free] = [crypto.randomUUID(), crypto.randomUUID()];
    const label = crypto.randomUUID();
    await storeLabel({ id: label, account_id: 'shared' });
    await edge()(await create(id, label, 'acc_neighbour', 3));

    const unknownLabel = crypto.randomUUID();
    expect(await readBytes(await edge()(await create(id, unknownLabel, ACCOUNT)))).toEqual(
      await readBytes(await edge()(await create(free, unknownLabel, ACCOUNT))),
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

  it('updates and reads an id in each account apart', async () => {
    const mine = await storeEvaluation({ value: 1 });
    const theirs = { ...mine, account_id: 'acc_neighbour', value: 2 };
    await storeEvaluation(theirs);
    await edge()(await makeUpdate(mine, 5));

    const read = async (account: string) =>
      DB.prepare('SELECT value FROM run_evaluation WHERE account_id = ? AND id = ?')
        .bind(account, mine.id)
        .first('value');
    expect([await read(ACCOUNT), await read('acc_neighbour')]).toEqual([5, 2]);
    const history = await worker(
      await request(`${buildPath(mine)}/history`, {
        method: 'GET',
        headers: {
          'content-type': null,
          authorization: `Bearer ${await mintToken({ account_id: 'acc_neighbour' })}`,
        },
      }),
    );
    expect(await history.json()).toEqual([]);
  });

  it('never mixes values, histories and responses of two accounts, also with the same Idempotency-Key', async () => {
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
        await request(buildPath(mine), { body: JSON.stringify({ value }), headers: sent }),
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

  it('takes a create for a repetition only of the create of its own account', async () => {
    const [id, label] = [crypto.randomUUID(), crypto.randomUUID()];
    await storeLabel({ id: label, account_id: 'shared' });
    const update = async (account_id: string, value: number) =>
      edge()(
        await request(buildPath({ run_id: id, id }), {
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

  it('returns no history of an evaluation that was deleted and created again', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await makeUpdate(row, 5));
    await DB.prepare('DELETE FROM run_evaluation WHERE id = ?').bind(row.id).run();

    expect(await readHistory(row.id)).toEqual([]);
    await storeEvaluation({ ...row, value: 9 });
    const get = await request(`${buildPath(row)}/history`, {
      method: 'GET',
      headers: { 'content-type': null },
    });
    expect(await (await worker(get)).json()).toEqual([]);
  });

  it('applies the account\u2019s own label if a shared label has the same id', async () => {
    const row = await storeEvaluation();
    await storeLabel({ id: row.evaluation_label_id, min_value: 100, max_value: 200 });
    await storeLabel({
      id: row.evaluation_label_id,
      account_id: 'shared',
      min_value: 1,
      max_value: 10,
    });

    expect((await worker(await request(buildPath(row), { body: '{"value":150}' }))).status).toBe(
      200,
    );
    await expectRefusedUpdate(
      row,
      await request(buildPath(row), { body: '{"value":5}' }),
      makeUnprocessable('value must be between 100 and 200.'),
    );
  });
});
