/** Tests listReplacedValues. The list has every replaced value, newest first, in pages. */
import { describe, expect, it } from 'vitest';
import { BAD_CURSOR, BAD_LIMIT, NOT_FOUND } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import { CURSORS, LIMITS, readPages } from './support/pages.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  expectUnbroken,
  get,
  putValue,
  readEvaluation,
  readHistory,
  storeEvaluation,
  worker,
} from './support/worker.ts';

describe('listReplacedValues', () => {
  it('answers with the replaced values, newest first, in one call to D1', async () => {
    const row = await storeEvaluation();
    for (const value of [4, 5, 6]) await worker(await putValue(row, value));
    const { db, calls } = countCalls(DB);

    const response = await createWorker({ DB: db })(await get(`${buildPath(row)}/history`));

    expect(response.status).toBe(200);
    const history = await response.json<Awaited<ReturnType<typeof readHistory>>>();
    expect(history.map(({ value }) => value)).toEqual([5, 4, 3]);
    expectUnbroken(history.toReversed(), await readEvaluation(row.id));
    expect(history).toEqual((await readHistory(row.id)).toReversed());
    expect(calls).toEqual(['batch']);
  });

  it('answers [] if nothing was replaced yet, and 404 if there is no such evaluation', async () => {
    const row = await storeEvaluation();

    expect(await (await worker(await get(`${buildPath(row)}/history`))).json()).toEqual([]);
    await expectRefusal(
      await worker(await get(`${buildPath({ ...row, id: crypto.randomUUID() })}/history`)),
      NOT_FOUND,
    );
  });

  it.each([1, 2, 4, 5, 6])(
    'returns every entry once and in order in pages of %d',
    async (limit) => {
      const row = await storeEvaluation({ value: 0 });
      for (const value of [1, 2, 3, 4, 5]) await worker(await putValue(row, value));

      const pages = await readPages<{ value: number }>(`${buildPath(row)}/history?limit=${limit}`);

      expect(pages.flat().map(({ value }) => value)).toEqual([4, 3, 2, 1, 0]);
      expect(pages).toHaveLength(Math.ceil(5 / limit));
    },
  );

  it('refuses a malformed limit and a malformed cursor', async () => {
    const row = await storeEvaluation();
    for (const limit of LIMITS)
      await expectRefusal(
        await worker(await get(`${buildPath(row)}/history?limit=${limit}`)),
        BAD_LIMIT,
      );
    for (const cursor of CURSORS.slice(0, 4)) {
      await expectRefusal(
        await worker(await get(`${buildPath(row)}/history?cursor=${cursor}`)),
        BAD_CURSOR,
      );
    }
  });
});
