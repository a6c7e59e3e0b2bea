/** Whose allowance a request uses up: one caller's, which is a link, or an account, a subject and a restriction; never another's. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { linkTo, open, post } from './support/links.ts';
import {
  mintToken,
  pathOf,
  putValue,
  request,
  type Send,
  storeEvaluation,
  worker,
  workerWith,
} from './support/worker.ts';

/** Three requests in ten seconds. */
const { SMALL_RATE_LIMITER } = env as typeof env & { readonly SMALL_RATE_LIMITER: RateLimit };

const limited = (): Send => workerWith({ RATE_LIMITER: SMALL_RATE_LIMITER });

/** An account with two evaluations, and tokens for it. */
async function account() {
  const account_id = `acc_${crypto.randomUUID()}`;
  const [row, other] = [
    await storeEvaluation({ account_id }),
    await storeEvaluation({ account_id }),
  ];
  const token = (claims: Record<string, unknown> = {}) => mintToken({ account_id, ...claims });
  return {
    row,
    other,
    token,
    restricted: await token({ run_id: row.run_id, evaluation_id: row.id }),
  };
}

/** Uses a token until its allowance, in whatever period, is used up; the statuses of what it was answered. */
async function useUp(send: Send, sent: () => Promise<Request>): Promise<Set<number>> {
  const statuses = new Set<number>();
  for (let n = 0; n < 7; n += 1) statuses.add((await send(await sent())).status);
  return statuses;
}

describe('the allowance of a caller', () => {
  it('is not used up by another subject of its account', async () => {
    const { row, token } = await account();
    const [busy, quiet] = [await token({ sub: 'busy' }), await token({ sub: 'quiet' })];
    const send = limited();

    expect(await useUp(send, () => putValue(row, 1, busy))).toContain(429);
    expect((await send(await putValue(row, 2, quiet))).status).toBe(200);
  });

  it('is not used up by a restricted token of the same account and subject', async () => {
    const { row, token, restricted } = await account();
    const send = limited();

    expect(await useUp(send, () => putValue(row, 1, restricted))).toContain(429);
    expect((await send(await putValue(row, 2, await token()))).status).toBe(200);
  });

  it('does not use up that of a restricted token of the same account and subject', async () => {
    const { row, token, restricted } = await account();
    const whole = await token();
    const send = limited();

    expect(await useUp(send, () => putValue(row, 1, whole))).toContain(429);
    expect((await send(await putValue(row, 2, restricted))).status).toBe(200);
  });

  it.each(['/v1/evaluation-labels', `/v1/evaluation-label/${crypto.randomUUID()}`])(
    'is used up by a token for one run where it reads labels: %s',
    async (path) => {
      const { row, token } = await account();
      const headers = { authorization: `Bearer ${await token({ run_id: row.run_id })}` };

      expect(await useUp(limited(), () => request(path, { method: 'GET', headers }))).toContain(
        429,
      );
    },
  );

  it('is not used up by a restricted token at what it does not allow: another evaluation, another run, a collection', async () => {
    const { row, other, restricted } = await account();
    const send = limited();
    const headers = { authorization: `Bearer ${restricted}` };
    const foreign = [
      () => putValue(other, 1, restricted),
      () => putValue({ ...row, run_id: other.run_id }, 1, restricted),
      () => request(`/v1/run/${row.run_id}/evaluations`, { method: 'GET', headers }),
    ];

    for (const sent of foreign) expect(await useUp(send, sent)).toEqual(new Set([404]));
    expect((await send(await putValue(row, 2, restricted))).status).toBe(200);
  });

  it('is used up by a restricted token at its own evaluation, in whatever case its id is written', async () => {
    const { row, restricted } = await account();
    const [path, body] = [pathOf(row).toUpperCase().replace('/V1/RUN', '/v1/run'), '{"value":1}'];
    const upper = () =>
      request(path.replace('EVALUATION', 'evaluation'), {
        body,
        headers: { authorization: `Bearer ${restricted}` },
      });

    expect(await useUp(limited(), upper)).toEqual(new Set([200, 429]));
  });

  it('is not used up by another account that tries its evaluation', async () => {
    const [owner, stranger] = [await account(), await account()];
    const [theirs, ours] = [await stranger.token(), await owner.token()];
    const send = limited();

    expect(await useUp(send, () => putValue(owner.row, 1, theirs))).toEqual(new Set([404, 429]));
    expect((await send(await putValue(owner.row, 2, ours))).status).toBe(200);
  });

  it('a link does not use up the allowance of another link of its author to the same evaluation', async () => {
    const { row, token } = await account();
    const send = limited();

    for (const name of [undefined, 'anna']) {
      const [busy, quiet] = [
        await linkTo(row, { name }, await token()),
        await linkTo(row, { name }, await token()),
      ];
      expect(await useUp(send, async () => post(busy.url, { value: 1 }))).toContain(429);
      expect((await send(post(quiet.url, { value: 2 }))).status).toBe(200);
    }
  });

  it('a link that was revoked does not use up the allowance of the link that replaces it', async () => {
    const { row, token } = await account();
    const send = limited();
    const old = await linkTo(row, { name: 'anna' }, await token());
    const revoked = await request(`${pathOf(row)}/links/${old.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${await token()}`, 'content-type': null },
    });
    expect((await worker(revoked)).status).toBe(204);
    const next = await linkTo(row, { name: 'anna' }, await token());

    expect(await useUp(send, async () => post(old.url, { value: 1 }))).toEqual(new Set([404, 429]));
    expect((await send(post(next.url, { value: 2 }))).status).toBe(200);
    expect((await send(open(next.url))).status).toBe(200);
  });

  it('a link without a name and a token with its author, run and evaluation do not use up the allowance of each other', async () => {
    const [first, second] = [await account(), await account()];
    const send = limited();
    const links = [
      await linkTo(first.row, {}, await first.token()),
      await linkTo(second.row, {}, await second.token()),
    ];
    const [mine = '', theirs = ''] = links.map(({ url }) => url);

    expect(await useUp(send, async () => post(mine, { value: 1 }))).toContain(429);
    expect((await send(await putValue(first.row, 2, first.restricted))).status).toBe(200);

    expect(await useUp(send, () => putValue(second.row, 1, second.restricted))).toContain(429);
    expect((await send(post(theirs, { value: 2 }))).status).toBe(200);
  });

  it('opening the page of a link uses up its allowance', async () => {
    const { row, token } = await account();
    const { url } = await linkTo(row, {}, await token());

    expect(await useUp(limited(), async () => open(url))).toEqual(new Set([200, 429]));
  });

  it('is its own whatever the names of account and subject hold', async () => {
    const keys: string[] = [];
    const limit = async ({ key }: RateLimitOptions) => {
      keys.push(key);
      return { success: true };
    };
    const send = workerWith({ RATE_LIMITER: { limit } });
    const run_id = crypto.randomUUID();
    const callers = [
      { account_id: 'a', sub: 'b:c' },
      { account_id: 'a:b', sub: 'c' },
      { account_id: 'a","b', sub: 'c' },
      { account_id: 'a', sub: 'b","c' },
      { account_id: 'a', sub: 'b' },
      { account_id: 'a', sub: 'b', run_id },
      { account_id: 'a', sub: `b","${run_id}` },
    ];

    for (const claims of callers) {
      const headers = { authorization: `Bearer ${await mintToken(claims)}` };
      await send(await request(`/v1/run/${run_id}/evaluations`, { method: 'GET', headers }));
    }
    const { row, token } = await account();
    const links = [await linkTo(row, {}, await token()), await linkTo(row, {}, await token())];
    for (const { url } of links) await send(open(url));

    expect(new Set(keys).size).toBe(callers.length + links.length);
  });
});
