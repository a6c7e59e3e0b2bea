/** GET /health: what it costs, whoever asks and however often. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { stillClock } from './support/clock.ts';
import { countingD1, flakyD1 } from './support/d1.ts';
import { request, workerWith } from './support/worker.ts';

const probe = () => request('/health', { method: 'GET', headers: { authorization: null, 'content-type': null } });

describe('GET /health', () => {
  it('asks D1 once a second, two hundred probes or one, and gives no bookmark away', async () => {
    const clock = stillClock();
    const { db, calls } = countingD1(env.DB);
    const send = workerWith({ DB: db }, clock);

    const answers = await Promise.all(Array.from({ length: 200 }, async () => send(await probe())));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers.filter(({ headers }) => headers.has('x-d1-bookmark'))).toEqual([]);
    expect(calls).toHaveLength(1);
    clock.advance(0.999);
    await send(await probe());
    expect(calls).toHaveLength(1);
    clock.advance(0.001);
    await send(await probe());
    expect(calls).toHaveLength(2);
  });

  it('is 503 for a second while D1 fails, and 200 in the next', async () => {
    const clock = stillClock();
    const { db } = flakyD1(env.DB, 'D1 DB is overloaded.', 'fails', 'succeeds');
    const send = workerWith({ DB: db }, clock);

    expect((await send(await probe())).status).toBe(503);
    expect((await send(await probe())).status).toBe(503);
    clock.advance(1);
    expect((await send(await probe())).status).toBe(200);
  });

  it('asks D1 again when the clock is set back', async () => {
    const clock = stillClock();
    const { db, calls } = countingD1(env.DB);
    const send = workerWith({ DB: db }, clock);

    await send(await probe());
    clock.advance(-3600);
    await send(await probe());

    expect(calls).toHaveLength(2);
  });
});
