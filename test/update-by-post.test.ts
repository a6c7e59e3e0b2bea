/** updateEvaluationByPost: the same operation for senders that can only POST. */
import { describe, expect, it } from 'vitest';
import { unprocessable } from './support/answers.ts';
import {
  expectRefusal,
  pathOf,
  putValue,
  readHistory,
  request,
  storeLabelled,
  worker,
} from './support/worker.ts';

describe('updateEvaluationByPost', () => {
  it('is exactly the update: same response, same preconditions, same history', async () => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const post = async (value: number, headers: Record<string, string> = {}) =>
      worker(
        await request(pathOf(row), { method: 'POST', headers, body: JSON.stringify({ value }) }),
      );

    const posted = await post(5);
    expect(posted.status).toBe(200);
    const put = await worker(await putValue(row, 5));
    expect(await put.json()).toEqual(await posted.json());
    expect(put.headers.get('etag')).toBe(posted.headers.get('etag'));
    expect((await post(6, { 'if-match': '"x"' })).status).toBe(412);
    await expectRefusal(await post(11), unprocessable('value must be between 1 and 10.'));
    expect(await readHistory(row.id)).toHaveLength(1);
  });
});
