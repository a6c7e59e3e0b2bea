/** The fence around an account that is moved to another database: its writes are refused, whoever writes; its reads go on. */
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { linkTo } from './support/links.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  pathOf,
  putValue,
  request,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

const MOVING = {
  status: 503,
  error:
    'The account is being moved to another database, and can only be read until then: send the same request again later.',
  headers: { 'retry-after': '10' },
};

const STATES = ['leaving', 'finishing', 'moved', 'arriving', 'undoing', 'discarding'];

const fence = (account: string, state = 'leaving') =>
  env.DB.prepare("INSERT INTO account_move (account_id, state, other) VALUES (?, ?, 'DB_1')")
    .bind(account, state)
    .run();
const lift = (account: string) => env.DB.prepare('DELETE FROM account_move WHERE account_id = ?').bind(account).run();
const accountOf = async (account_id: string) => ({ authorization: `Bearer ${await mintToken({ account_id })}` });

/** Calls it while the account is fenced; the fence never outlives the test. */
async function whileFenced<T>(account: string, call: () => Promise<T>, state?: string): Promise<T> {
  await fence(account, state);
  try {
    return await call();
  } finally {
    await lift(account);
  }
}

const newAccount = () => `acc_${crypto.randomUUID()}`;

describe('an account that is moved', () => {
  it.each(OPERATIONS.filter(({ access, storesNothing }) => access === 'write' && !storesNothing))(
    'is refused with 503 and nothing is stored: $name',
    async ({ requestFor }) => {
      const row = await storeEvaluation();
      const sent = await requestFor(row);

      await whileFenced(row.account_id, () => expectRefusedUpdate(row, sent, MOVING));

      expect((await worker(await requestFor(row))).ok).toBe(true);
    },
  );

  it.each(OPERATIONS.filter(({ access }) => access === 'read'))('is read as ever: $name', async ({ requestFor }) => {
    const row = await storeEvaluation();
    const sent = await requestFor(row);

    const response = await whileFenced(row.account_id, () => worker(sent));

    expect(response.status).toBe(200);
  });

  it.each(STATES)('is fenced in every state of a move, before and after it: %s', async (state) => {
    const row = await storeEvaluation({ account_id: newAccount() });
    const sent = await putValue(row, 9, await mintToken({ account_id: row.account_id }));

    await whileFenced(row.account_id, () => expectRefusedUpdate(row, sent, MOVING), state);
  });

  it('is the only one: another account writes, and reads and writes no more rows for it', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');

    const response = await whileFenced(newAccount(), async () => worker(await putValue(row, 9)));

    expect(response.status).toBe(200);
    expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({ rows_read: 3, rows_written: 2 });
  });

  it('is refused in the log by a name of its own, after one attempt', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');

    await whileFenced(row.account_id, async () => worker(await putValue(row, 9)));

    expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({
      status: 503,
      refusal: 'account_moving',
      database: 'DB',
      d1_calls: 1,
      d1_attempts: 1,
    });
  });

  it('is told of what an earlier attempt stored: a link that is revoked already is revoked', async () => {
    const row = await storeEvaluation();
    const { id } = await linkTo(row);
    const revoke = (link: string) =>
      request(`${pathOf(row)}/links/${link}`, { method: 'DELETE', headers: { 'content-type': null } });

    expect((await worker(await revoke(id))).status).toBe(204);
    const again = await whileFenced(row.account_id, async () => worker(await revoke(id)));

    expect(again.status).toBe(204);
  });

  it('is refused with 503 also about what is not here, because it was made where the account lives now', async () => {
    const account_id = newAccount();
    const row = await storeEvaluation({ account_id });
    const headers = await accountOf(account_id);
    const elsewhere = pathOf({ run_id: row.run_id, id: crypto.randomUUID() });
    const send = async (method: string, path: string, body?: object) =>
      worker(await request(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }));

    await whileFenced(account_id, async () => {
      for (const state of ['leaving', 'moved'] as const) {
        await env.DB.prepare('UPDATE account_move SET state = ? WHERE account_id = ?').bind(state, account_id).run();
        await expectRefusal(await send('PUT', elsewhere, { value: 9 }), MOVING);
        await expectRefusal(await send('PUT', `/v1/evaluation-label/${crypto.randomUUID()}`, { name: 'x' }), MOVING);
        await expectRefusal(
          await send('POST', `/v1/run/${row.run_id}/evaluations`, {
            evaluation_label_id: crypto.randomUUID(),
            value: 9,
          }),
          MOVING,
        );
        await expectRefusal(await send('DELETE', `${elsewhere}/links/01000000-0000-8000-8000-000000000001`), MOVING);
        // What is stored there may be another version, and allowed.
        const stale = await request(pathOf(row), { headers: { ...headers, 'if-match': '"x"' }, body: '{"value":9}' });
        await expectRefusal(await worker(stale), MOVING);
      }
    });
  });

  it('cannot be written by a console either', async () => {
    const [row, label] = [await storeEvaluation({ account_id: newAccount() }), await storeLabel()];
    const run = (sql: string, id: string) => env.DB.prepare(sql).bind(id).run();
    const refused = /the account is being moved to another database/;

    await whileFenced(row.account_id, async () => {
      await expect(run('UPDATE run_evaluation SET value = 1 WHERE id = ?', row.id)).rejects.toThrow(refused);
      await expect(storeEvaluation({ account_id: row.account_id })).rejects.toThrow(refused);
    });
    await whileFenced(label.account_id, async () => {
      await expect(run("UPDATE evaluation_label SET name = 'x' WHERE id = ?", label.id)).rejects.toThrow(refused);
      await expect(storeLabel()).rejects.toThrow(refused);
    });
  });

  it('gets what it has when it was moved here, though a label of it has the id of a shared one', async () => {
    const account_id = newAccount();
    const { id } = await storeLabel({ account_id: 'shared' });

    await expect(storeLabel({ id, account_id })).rejects.toThrow(/a shared evaluation_label has this id/);
    await whileFenced(account_id, () => storeLabel({ id, account_id, name: 'own' }), 'copying');

    expect(
      (
        await worker(
          await request(`/v1/evaluation-label/${id}`, { method: 'GET', headers: await accountOf(account_id) }),
        )
      ).status,
    ).toBe(200);
  });
});

describe('a database that slots leave', () => {
  const post = async (account: string, path: string, body: object) =>
    worker(await request(path, { method: 'POST', headers: await accountOf(account), body: JSON.stringify(body) }));
  const label = { name: 'tone', value_type: 'continuous' };

  it('lets no account begin, which would be left behind, and those that are there go on', async () => {
    const [known, created] = [newAccount(), newAccount()];
    const shared = await storeLabel({ account_id: 'shared' });
    await storeEvaluation({ account_id: known });
    const evaluation = { evaluation_label_id: shared.id, value: 1 };
    const runs = `/v1/run/${crypto.randomUUID()}/evaluations`;

    await whileFenced('', async () => {
      await expectRefusal(await post(created, '/v1/evaluation-labels', label), MOVING);
      await expectRefusal(await post(created, runs, evaluation), MOVING);
      expect((await post(known, '/v1/evaluation-labels', label)).status).toBe(201);
      expect((await post(known, runs, evaluation)).status).toBe(201);
      expect((await post('shared', '/v1/evaluation-labels', label)).status).toBe(201);
    });

    expect((await post(created, '/v1/evaluation-labels', label)).status).toBe(201);
  });
});
