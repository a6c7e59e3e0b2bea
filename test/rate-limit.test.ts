/** Tests that the Worker answers 429 to requests beyond the rate limit. */
import { describe, expect, it, vi } from 'vitest';
import { RATE_LIMITED } from './support/answers.ts';
import { createStillClock, makePending, waitUntil } from './support/clock.ts';
import { OPERATIONS } from './support/operations.ts';
import { SMALL_RATE_LIMITER, sendUntilLimited } from './support/rate-limit.ts';
import {
  createWorker,
  expectRefusedUpdate,
  mintToken,
  putValue,
  type Row,
  readEvaluation,
  seconds,
  storeEvaluation,
} from './support/worker.ts';

const storeWithToken = async (): Promise<{ row: Row; token: string }> => {
  const account_id = `acc_${crypto.randomUUID()}`;
  return { row: await storeEvaluation({ account_id }), token: await mintToken({ account_id }) };
};

describe('the rate limit', () => {
  it.each(OPERATIONS)(
    'refuses a request beyond the limit, says when to retry, and leaves the row as it was: $name',
    async ({ requestFor }) => {
      const { row, token } = await storeWithToken();
      const limit = async ({ key }: RateLimitOptions) => ({
        success: !key.includes(row.account_id),
      });
      const sent = await requestFor(row, { authorization: `Bearer ${token}` });

      await expectRefusedUpdate(row, sent, RATE_LIMITED, createWorker({ RATE_LIMITER: { limit } }));
    },
  );

  it('accepts as many requests as the limit says', async () => {
    const { row, token } = await storeWithToken();
    const send = createWorker({ RATE_LIMITER: SMALL_RATE_LIMITER });

    const statuses = await sendUntilLimited(send, (n) => putValue(row, n + 1, token));

    const accepted = statuses.slice(0, -1);
    expect(accepted.length).toBeGreaterThanOrEqual(3);
    expect(statuses).toEqual([...accepted.map(() => 200), 429]);
    expect(await readEvaluation(row.id)).toMatchObject({ value: accepted.length });
  });

  it('counts the requests of each account alone', async () => {
    const [mine, theirs] = [await storeWithToken(), await storeWithToken()];
    const send = createWorker({ RATE_LIMITER: SMALL_RATE_LIMITER });
    await sendUntilLimited(send, (n) => putValue(mine.row, n, mine.token));

    expect((await send(await putValue(theirs.row, 9, theirs.token))).status).toBe(200);
  });

  it('counts no request whose token does not verify', async () => {
    const { row, token } = await storeWithToken();
    const send = createWorker({ RATE_LIMITER: SMALL_RATE_LIMITER });
    const expired = await mintToken({ account_id: row.account_id, exp: 1 });
    for (const value of [1, 2, 3, 4, 5]) await send(await putValue(row, value, expired));

    expect((await send(await putValue(row, 9, token))).status).toBe(200);
  });

  it('limits nothing if no limiter is bound', async () => {
    const { row, token } = await storeWithToken();
    const send = createWorker({ RATE_LIMITER: undefined });

    for (const value of [1, 2, 3, 4, 5])
      expect((await send(await putValue(row, value, token))).status).toBe(200);
  });

  it.each<[string, RateLimit['limit'], string]>([
    ['fails', () => Promise.reject(new Error('limiter lost')), 'limiter lost'],
    [
      'throws',
      () => {
        throw new Error('no limiter');
      },
      'no limiter',
    ],
  ])(
    'accepts every request while the limiter itself %s, and logs a warning',
    async (_, limit, cause) => {
      const { row, token } = await storeWithToken();
      const warned = vi.spyOn(console, 'warn');

      expect(
        (await createWorker({ RATE_LIMITER: { limit } })(await putValue(row, 9, token))).status,
      ).toBe(200);
      expect(warned.mock.calls).toEqual([
        [JSON.stringify({ warning: 'rate_limiter_failed', cause })],
      ]);
    },
  );

  it('waits at most half a second for a limiter that does not answer', async () => {
    const { row } = await storeWithToken();
    const clock = createStillClock();
    const limit = vi.fn(() => makePending<RateLimitOutcome>());
    const claims = { account_id: row.account_id, exp: seconds(clock.now()) + 60 };
    const answer = createWorker(
      { RATE_LIMITER: { limit } },
      clock,
    )(await putValue(row, 9, await mintToken(claims)));
    await waitUntil(() => expect(limit).toHaveBeenCalled());

    clock.advance(0.5);

    expect((await answer).status).toBe(200);
  });

  it('names the refusal and the account in the log line', async () => {
    const { row, token } = await storeWithToken();
    const logged = vi.spyOn(console, 'log');

    await createWorker({ RATE_LIMITER: { limit: async () => ({ success: false }) } })(
      await putValue(row, 9, token),
    );

    const line = JSON.parse(String(logged.mock.calls.flat().at(-1)));
    expect(line).toMatchObject({ status: 429, refusal: 'rate_limited', account: row.account_id });
  });
});
