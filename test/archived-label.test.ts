/**
 * Tests that the Worker stores no new evaluation under an archived label, and still accepts
 * corrections.
 */
import { describe, expect, it } from 'vitest';
import {
  LABEL_IS_ARCHIVED,
  makeDatabaseUnavailable,
  makeUnprocessable,
} from './support/answers.ts';
import { countCalls, interceptD1 } from './support/d1.ts';
import {
  ACCOUNT,
  buildLabelPath,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  putValue,
  readEvaluation,
  readRun,
  request,
  type Send,
  storeLabel,
  storeLabelled,
  worker,
} from './support/worker.ts';

const ARCHIVED = { archived_at: '2026-02-01T00:00:00.000Z', min_value: 1, max_value: 10 };

const create = async (
  label: { id: string },
  run: string,
  more: object = {},
  send: Send = worker,
) => {
  const body = JSON.stringify({ evaluation_label_id: label.id, value: 5, ...more });
  return send(await request(`/v1/run/${run}/evaluations`, { method: 'POST', body }));
};

const archive = async (label: { id: string }, archived = true) =>
  worker(await request(buildLabelPath(label), { body: JSON.stringify({ archived }) }));

describe('a new evaluation under an archived label', () => {
  it.each([ACCOUNT, 'shared'])(
    'refuses an evaluation under an archived label with 422, in one call to D1: a label of %s',
    async (account_id) => {
      const label = await storeLabel({ ...ARCHIVED, account_id });
      const run = crypto.randomUUID();
      const { db, calls } = countCalls(DB);

      await expectRefusal(
        await create(label, run, {}, createWorker({ DB: db })),
        LABEL_IS_ARCHIVED,
      );

      expect(calls).toEqual(['batch']);
      expect(await readRun(run)).toEqual([]);
    },
  );

  it('refuses an evaluation because its label is archived before it judges the value', async () => {
    const label = await storeLabel(ARCHIVED);

    await expectRefusal(await create(label, crypto.randomUUID(), { value: 11 }), LABEL_IS_ARCHIVED);
  });

  it('does not use a shared label if the account\u2019s own label with the same id is archived', async () => {
    const label = await storeLabel(ARCHIVED);
    await storeLabel({ id: label.id, account_id: 'shared' });

    await expectRefusal(await create(label, crypto.randomUUID()), LABEL_IS_ARCHIVED);
  });

  it('stores evaluations again once the label is unarchived', async () => {
    const label = await storeLabel(ARCHIVED);
    await archive(label, false);

    expect((await create(label, crypto.randomUUID())).status).toBe(201);
  });
});

describe('an evaluation that was there before its label was archived', () => {
  it('judges the correction of an evaluation by its archived label', async () => {
    const row = await storeLabelled(ARCHIVED);

    expect((await worker(await putValue(row, 7))).status).toBe(200);
    await expectRefusedUpdate(
      row,
      await putValue(row, 11),
      makeUnprocessable('value must be between 1 and 10.'),
    );
  });

  it('answers a repeated create with the evaluation, although its label was archived since', async () => {
    const label = await storeLabel({ min_value: 1, max_value: 10 });
    const [run, id] = [crypto.randomUUID(), crypto.randomUUID()];
    const first = await create(label, run, { id });
    await archive(label);

    const again = await create(label, run, { id });

    expect([first.status, again.status]).toEqual([201, 200]);
    expect(await again.json()).toEqual(await first.json());
  });

  it('answers with the stored evaluation if the response was lost before its label was archived', async () => {
    const label = await storeLabel();
    const run = crypto.randomUUID();
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      const answer = await call();
      if (calls > 1) return answer;
      await archive(label);
      throw new Error('D1_ERROR: Network connection lost.');
    });

    expect((await create(label, run, {}, createWorker({ DB: db }))).status).toBe(201);
    expect(await readRun(run)).toHaveLength(1);
  });
});

describe('archiving while evaluations are created', () => {
  it('stores no evaluation after its label is archived, neither one that was on its way nor a retry', async () => {
    const label = await storeLabel();
    const run = crypto.randomUUID();
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      if (calls > 1) return call();
      await archive(label);
      throw new Error('D1_ERROR: Network connection lost.');
    });

    // The first attempt may still reach D1, so a final 422 would be wrong.
    await expectRefusal(
      await create(label, run, {}, createWorker({ DB: db })),
      makeDatabaseUnavailable(1),
    );
    expect(await readRun(run)).toEqual([]);
  });

  it('stores all evaluations before the archiving and none after it, in the order of D1', async () => {
    const label = await storeLabel();
    const run = crypto.randomUUID();
    const order: string[] = [];
    const db = interceptD1(DB, async (_, call) => {
      const answer = (await call()) as D1Result<{ id: string }>[];
      const [row] = answer[0]?.results ?? [];
      if (row) order.push('archived_at' in row ? 'archived' : row.id);
      return answer;
    });
    const send = createWorker({ DB: db });
    const requests = await Promise.all(
      Array.from({ length: 40 }, async (_, n) =>
        n === 20
          ? request(buildLabelPath(label), { body: '{"archived":true}' })
          : request(`/v1/run/${run}/evaluations`, {
              method: 'POST',
              body: JSON.stringify({ evaluation_label_id: label.id, value: n }),
            }),
      ),
    );

    const answers = await Promise.all(requests.map((sent) => send(sent)));

    const created = answers.filter(({ status }) => status === 201);
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(39 - created.length);
    expect(await readRun(run)).toHaveLength(created.length);
    expect(order.indexOf('archived')).toBe(order.length - 1);
    expect((await create(label, run)).status).toBe(422);
  });
});

describe('a token for one run', () => {
  it('lets a token for one run read an archived label and correct, but not create evaluations under it', async () => {
    const row = await storeLabelled(ARCHIVED);
    const headers = { authorization: `Bearer ${await mintToken({ run_id: row.run_id })}` };

    const got = await worker(
      await request(buildLabelPath({ id: row.evaluation_label_id }), { method: 'GET', headers }),
    );
    expect(await got.json()).toMatchObject({ archived_at: ARCHIVED.archived_at });
    expect(
      (
        await worker(
          await request(`/v1/run/${row.run_id}/evaluation/${row.id}`, {
            body: '{"value":2}',
            headers,
          }),
        )
      ).status,
    ).toBe(200);
    const body = JSON.stringify({ evaluation_label_id: row.evaluation_label_id, value: 2 });
    const refused = await worker(
      await request(`/v1/run/${row.run_id}/evaluations`, { method: 'POST', headers, body }),
    );
    await expectRefusal(refused, LABEL_IS_ARCHIVED);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 2 });
  });
});
