/** Tests getEvaluation, with entity tags and If-None-Match. */
import { describe, expect, it } from 'vitest';
import { NOT_FOUND } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  get,
  putValue,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

describe('getEvaluation', () => {
  it('answers 200 with the row, without updated_at until the first update, in one call to D1', async () => {
    const { updated_at, ...row } = await storeEvaluation();
    const { db, calls } = countCalls(DB);

    const response = await createWorker({ DB: db })(await get(buildPath(row)));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(row);
    expect(response.headers.get('etag')).toBe(`"${row.created_at}"`);
    expect(calls).toEqual(['batch']);
    expect(updated_at).toBeNull();
  });

  it('answers with the tag and the row that the update returned', async () => {
    const row = await storeEvaluation();
    const updated = await worker(await putValue(row, 5));

    const got = await worker(await get(buildPath(row)));

    expect(got.headers.get('etag')).toBe(updated.headers.get('etag'));
    expect(await got.json()).toEqual(await updated.json());
  });

  it.each<[string, (tag: string) => string]>([
    ['the tag', (tag) => tag],
    ['the tag, weak', (tag) => `W/${tag}`],
    ['the tag among others', (tag) => `"a", ${tag}`],
    ['*', () => '*'],
  ])('answers 304 without a body to If-None-Match with %s', async (_, ifNoneMatch) => {
    const row = await storeEvaluation();
    const tag = `"${row.created_at}"`;

    const response = await worker(await get(buildPath(row), { 'if-none-match': ifNoneMatch(tag) }));

    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(tag);
    expect(await response.text()).toBe('');
  });

  it.each(['"other"', 'W/"other"', 'garbage', '"*"', '', '2026-01-02T03:04:05.678Z'])(
    'answers in full to If-None-Match %s',
    async (ifNoneMatch) => {
      const row = await storeEvaluation();

      expect(
        (await worker(await get(buildPath(row), { 'if-none-match': ifNoneMatch }))).status,
      ).toBe(200);
    },
  );

  it('answers 404 to a known tag of a row that is not yours', async () => {
    const row = await storeEvaluation({ account_id: 'acc_neighbour' });

    await expectRefusal(
      await worker(await get(buildPath(row), { 'if-none-match': '*' })),
      NOT_FOUND,
    );
  });

  it('answers HEAD on an evaluation with the headers alone', async () => {
    const row = await storeEvaluation();

    const response = await worker(await request(buildPath(row), { method: 'HEAD' }));

    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe(`"${row.created_at}"`);
    expect(await response.text()).toBe('');
  });
});
