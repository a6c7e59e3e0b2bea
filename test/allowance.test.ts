/** Tests which requests share a rate limit: no caller can use up another caller's limit. */
import { describe, expect, it } from 'vitest';
import { createLinkTo, open, post } from './support/links.ts';
import { SMALL_RATE_LIMITER, sendUntilLimited } from './support/rate-limit.ts';
import {
  buildPath,
  createWorker,
  mintToken,
  putValue,
  request,
  type Send,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const limited = (): Send => createWorker({ RATE_LIMITER: SMALL_RATE_LIMITER });

async function storeAccount() {
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

describe('the rate limit of a caller', () => {
  it('does not count the requests of another subject of the account', async () => {
    const { row, token } = await storeAccount();
    const [busy, quiet] = [await token({ sub: 'busy' }), await token({ sub: 'quiet' })];
    const send = limited();

    expect(await sendUntilLimited(send, () => putValue(row, 1, busy))).toContain(429);
    expect((await send(await putValue(row, 2, quiet))).status).toBe(200);
  });

  it('does not count the requests with a restricted token of the same account and subject', async () => {
    const { row, token, restricted } = await storeAccount();
    const send = limited();

    expect(await sendUntilLimited(send, () => putValue(row, 1, restricted))).toContain(429);
    expect((await send(await putValue(row, 2, await token()))).status).toBe(200);
  });

  it('does not count a subject\u2019s requests against a restricted token of the same subject', async () => {
    const { row, token, restricted } = await storeAccount();
    const whole = await token();
    const send = limited();

    expect(await sendUntilLimited(send, () => putValue(row, 1, whole))).toContain(429);
    expect((await send(await putValue(row, 2, restricted))).status).toBe(200);
  });

  it.each(['/v1/evaluation-labels', '/v1/evaluation-label/018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01'])(
    'counts the labels that a token for one run reads: %s',
    async (path) => {
      const { row, token } = await storeAccount();
      const headers = { authorization: `Bearer ${await token({ run_id: row.run_id })}` };

      const make = () => request(path, { method: 'GET', headers });

      expect(await sendUntilLimited(limited(), make)).toContain(429);
    },
  );

  it('does not count what a restricted token does not allow: another evaluation, another run, a collection', async () => {
    const { row, other, restricted } = await storeAccount();
    const send = limited();
    const headers = { authorization: `Bearer ${restricted}` };
    const foreign = [
      () => putValue(other, 1, restricted),
      () => putValue({ ...row, run_id: other.run_id }, 1, restricted),
      () => request(`/v1/run/${row.run_id}/evaluations`, { method: 'GET', headers }),
    ];

    for (const make of foreign) {
      // The limit is 3, so seven 404s show that the Worker does not count the requests.
      for (let n = 0; n < 7; n += 1) expect((await send(await make())).status).toBe(404);
    }
    expect((await send(await putValue(row, 2, restricted))).status).toBe(200);
  });

  it('counts the requests of a restricted token about its own evaluation, whether the id is in upper or lower case', async () => {
    const { row, restricted } = await storeAccount();
    const [path, body] = [
      buildPath(row).toUpperCase().replace('/V1/RUN', '/v1/run'),
      '{"value":1}',
    ];
    const upper = () =>
      request(path.replace('EVALUATION', 'evaluation'), {
        body,
        headers: { authorization: `Bearer ${restricted}` },
      });

    expect(new Set(await sendUntilLimited(limited(), upper))).toEqual(new Set([200, 429]));
  });

  it('does not count the requests of another account about the same evaluation', async () => {
    const [owner, stranger] = [await storeAccount(), await storeAccount()];
    const [theirs, ours] = [await stranger.token(), await owner.token()];
    const send = limited();

    const statuses = await sendUntilLimited(send, () => putValue(owner.row, 1, theirs));

    expect(new Set(statuses)).toEqual(new Set([404, 429]));
    expect((await send(await putValue(owner.row, 2, ours))).status).toBe(200);
  });

  it('does not count the requests of another link of the same author to the same evaluation', async () => {
    const { row, token } = await storeAccount();
    const send = limited();

    for (const name of [undefined, 'anna']) {
      const [busy, quiet] = [
        await createLinkTo(row, { name }, await token()),
        await createLinkTo(row, { name }, await token()),
      ];
      expect(await sendUntilLimited(send, () => post(busy.url, { value: 1 }))).toContain(429);
      expect((await send(post(quiet.url, { value: 2 }))).status).toBe(200);
    }
  });

  it('does not count the requests of a revoked link for the link that replaces it', async () => {
    const { row, token } = await storeAccount();
    const send = limited();
    const old = await createLinkTo(row, { name: 'anna' }, await token());
    const revoked = await request(`${buildPath(row)}/links/${old.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${await token()}`, 'content-type': null },
    });
    expect((await worker(revoked)).status).toBe(204);
    const next = await createLinkTo(row, { name: 'anna' }, await token());

    const statuses = await sendUntilLimited(send, () => post(old.url, { value: 1 }));

    expect(new Set(statuses)).toEqual(new Set([404, 429]));
    expect((await send(post(next.url, { value: 2 }))).status).toBe(200);
    expect((await send(open(next.url))).status).toBe(200);
  });

  it('counts a link without a name apart from a token with its author, run and evaluation', async () => {
    const [first, second] = [await storeAccount(), await storeAccount()];
    const send = limited();
    const links = [
      await createLinkTo(first.row, {}, await first.token()),
      await createLinkTo(second.row, {}, await second.token()),
    ];
    const [mine = '', theirs = ''] = links.map(({ url }) => url);

    expect(await sendUntilLimited(send, () => post(mine, { value: 1 }))).toContain(429);
    expect((await send(await putValue(first.row, 2, first.restricted))).status).toBe(200);

    expect(
      await sendUntilLimited(send, () => putValue(second.row, 1, second.restricted)),
    ).toContain(429);
    expect((await send(post(theirs, { value: 2 }))).status).toBe(200);
  });

  it('counts each time the page of a link is opened', async () => {
    const { row, token } = await storeAccount();
    const { url } = await createLinkTo(row, {}, await token());

    const statuses = await sendUntilLimited(limited(), () => open(url));

    expect(new Set(statuses)).toEqual(new Set([200, 429]));
  });

  it('keeps the rate limits of two callers apart, whatever characters their accounts and subjects have', async () => {
    const keys: string[] = [];
    const limit = async ({ key }: RateLimitOptions) => {
      keys.push(key);
      return { success: true };
    };
    const send = createWorker({ RATE_LIMITER: { limit } });
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
    const { row, token } = await storeAccount();
    const links = [
      await createLinkTo(row, {}, await token()),
      await createLinkTo(row, {}, await token()),
    ];
    for (const { url } of links) await send(open(url));

    expect(new Set(keys).size).toBe(callers.length + links.length);
  });
});
