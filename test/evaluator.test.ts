/** A token that is issued to an evaluator: the author of what it creates. */
import { describe, expect, it } from 'vitest';
import {
  expectRefusal,
  get,
  mintToken,
  pathOf,
  putValue,
  readEvaluation,
  readRun,
  request,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

async function create(content: object, claims = {}): Promise<{ response: Response; run: string }> {
  const [run, evaluation_label_id] = [crypto.randomUUID(), crypto.randomUUID()];
  await storeLabel({ id: evaluation_label_id, account_id: 'shared' });
  const sent = await request(`/v1/run/${run}/evaluations`, {
    method: 'POST',
    body: JSON.stringify({ evaluation_label_id, value: 5, ...content }),
    headers: { authorization: `Bearer ${await mintToken(claims)}` },
  });
  return { response: await worker(sent), run };
}

describe('an evaluator', () => {
  const evaluator_id = '018f4d3b-0001-7000-8000-000000000001';

  it('is the author of what its token creates, and history names it', async () => {
    const { response, run } = await create(
      {},
      { sub: 'judge', evaluator_id: evaluator_id.toUpperCase() },
    );
    const [row] = await readRun(run);

    expect(response.status).toBe(201);
    expect(row).toMatchObject({ created_by: null, created_by_evaluator_id: evaluator_id });
    await worker(await putValue(row ?? (await storeEvaluation()), 7));
    const history = await worker(await get(`${pathOf(row ?? { run_id: run, id: run })}/history`));
    expect(await history.json()).toMatchObject([
      { value: 5, updated_by: evaluator_id, replaced_by: 'user-123' },
    ]);
  });

  it('is named by its token alone, never by a body', async () => {
    const refusal = (field: string) => ({
      status: 422,
      error: `${field} is set by the server: leave it out.`,
    });

    await expectRefusal(
      (await create({ created_by_evaluator_id: evaluator_id })).response,
      refusal('created_by_evaluator_id'),
    );
    const other = { created_by_evaluator_id: crypto.randomUUID() };
    await expectRefusal(
      (await create(other, { evaluator_id })).response,
      refusal('created_by_evaluator_id'),
    );
    await expectRefusal(
      (await create({ created_by: 'judge' }, { sub: 'judge', evaluator_id })).response,
      refusal('created_by'),
    );
    expect(
      (await create({ created_by_evaluator_id: evaluator_id, created_by: null }, { evaluator_id }))
        .response.status,
    ).toBe(201);
  });

  it('updates as the subject of its token', async () => {
    const row = await storeEvaluation();
    await worker(await putValue(row, 7, await mintToken({ sub: 'judge', evaluator_id })));

    expect(await readEvaluation(row.id)).toMatchObject({ value: 7, updated_by: 'judge' });
  });

  it.each([['judge'], [''], [null], [7], [[evaluator_id]]])(
    'that is no UUID breaks the token: %j',
    async (broken) => {
      expect((await create({}, { evaluator_id: broken })).response.status).toBe(401);
    },
  );
});
