/**
 * Tests the refresh of the issuer's key set. Tokens with unknown key ids cannot make the Worker
 * fetch the key set too often.
 */
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { createStillClock, makePending, type StillClock, waitUntil } from './support/clock.ts';
import { type KeyPair, makeKeyPair } from './support/signer.ts';
import {
  claims,
  createWorker,
  expectRefusedUpdate,
  putValue,
  type Send,
  seconds,
  storeEvaluation,
} from './support/worker.ts';

const ISSUER = 'https://issuer.example';
const MINUTE = 60;

const unavailable = (retryAfter: number) => ({
  status: 503,
  error:
    "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
  headers: { 'retry-after': String(retryAfter) },
});

const keySet =
  (...pairs: KeyPair[]) =>
  () =>
    Response.json({ keys: pairs.map(({ jwk }) => jwk) });
const down = () => {
  throw new TypeError('Network connection lost.');
};
const hangForever = () => makePending<Response>();

/** Makes an isolate that has already fetched the issuer's first key, and stores a row. */
async function start(version = env.CF_VERSION_METADATA) {
  const clock = createStillClock();
  const [first, second] = [
    await makeKeyPair('ES256', 'key-1'),
    await makeKeyPair('ES256', 'key-2'),
  ];
  const state: { answer: () => Response | Promise<Response> } = { answer: keySet(first) };
  const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => state.answer());
  const JWT_JWKS_URL = `https://issuer.example/${crypto.randomUUID()}/keys`;
  const settings = {
    JWT_SECRET: '',
    JWT_JWKS_URL,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: 'run-evaluation',
  };
  const isolate = (): Send => createWorker({ ...settings, CF_VERSION_METADATA: version }, clock);
  const send = isolate();
  const row = await storeEvaluation();
  const sent = async (by: KeyPair) => putValue(row, 9, await by.sign(buildClaims(clock)));
  const put = async (by: KeyPair) => (await send(await sent(by))).status;
  await put(first);
  return {
    clock,
    first,
    second,
    state,
    isolate,
    send,
    row,
    sent,
    put,
    url: JWT_JWKS_URL,
    fetches: () => fetched.mock.calls.length,
  };
}

const buildClaims = (clock: StillClock) =>
  claims({ iss: ISSUER, aud: 'run-evaluation', exp: seconds(clock.now()) + 24 * 60 * MINUTE });

describe('a set that is being refreshed', () => {
  it('verifies without a wait with a set nine minutes old, and with the new set once it is fetched', async () => {
    const { clock, first, second, state, put, fetches } = await start();
    const answer = Promise.withResolvers<Response>();
    state.answer = () => answer.promise;
    clock.advance(9 * MINUTE);

    expect([await put(first), await put(first), await put(first)]).toEqual([200, 200, 200]);
    await waitUntil(() => expect(fetches()).toBe(2));

    answer.resolve(keySet(second)());
    await waitUntil(async () => expect(await put(first)).toBe(401));
    expect(await put(second)).toBe(200);
  });

  it('verifies after at most a second with a set ten minutes old, and fetches once', async () => {
    const { clock, first, state, put, fetches } = await start();
    state.answer = hangForever;
    clock.advance(10 * MINUTE);

    const answers = [put(first), put(first), put(first)];
    await waitUntil(() => expect(fetches()).toBe(2));
    clock.advance(1);

    expect(await Promise.all(answers)).toEqual([200, 200, 200]);
    expect(fetches()).toBe(2);
  });

  it('verifies without a wait once the issuer has failed', async () => {
    const { clock, first, state, put, fetches } = await start();
    state.answer = down;
    clock.advance(10 * MINUTE);
    await put(first);
    state.answer = hangForever;
    clock.advance(5);

    expect([await put(first), await put(first)]).toEqual([200, 200]);
    await waitUntil(() => expect(fetches()).toBe(3));
  });
});

describe('a key that the kept set does not have', () => {
  it('fetches an unknown key immediately, and verifies with it', async () => {
    const { clock, first, second, state, put, fetches } = await start();
    state.answer = keySet(first, second);
    clock.advance(MINUTE);

    expect(await put(second)).toBe(200);
    expect(fetches()).toBe(2);
  });

  it('verifies with a new key although a forged token used up a search just before its publication', async () => {
    const { clock, first, second, state, put, fetches } = await start();
    const stranger = await makeKeyPair('ES256', 'key-9');
    clock.advance(MINUTE);
    expect(await put(stranger)).toBe(401);
    state.answer = keySet(first, second);
    clock.advance(0.001);

    expect(await put(second)).toBe(200);
    expect(fetches()).toBe(3);
  });

  it('answers 503 and never 401 for an unknown key until a search succeeds', async () => {
    const { clock, first, second, state, send, row, sent, put } = await start();
    state.answer = down;
    clock.advance(MINUTE);
    await expectRefusedUpdate(row, await sent(second), unavailable(5), send);
    state.answer = keySet(first, second);
    clock.advance(4);
    await expectRefusedUpdate(row, await sent(second), unavailable(1), send);
    expect(await put(first)).toBe(200);
    clock.advance(1);

    expect(await put(second)).toBe(200);
  });

  it('answers 503 with Retry-After if the search does not end, and nobody with a known key waits', async () => {
    const { clock, first, second, state, send, row, sent, put, fetches } = await start();
    state.answer = hangForever;
    clock.advance(MINUTE);

    const refused = expectRefusedUpdate(row, await sent(second), unavailable(5), send);
    await waitUntil(() => expect(fetches()).toBe(2));
    expect(await put(first)).toBe(200);
    clock.advance(3);
    await refused;
  });

  it('verifies with a new key for a caller who came while an older search was running', async () => {
    const { clock, first, second, state, put, fetches } = await start();
    const answer = Promise.withResolvers<Response>();
    state.answer = () => answer.promise;
    clock.advance(MINUTE);
    const stranger = put(await makeKeyPair('ES256', 'key-9'));
    await waitUntil(() => expect(fetches()).toBe(2));
    state.answer = keySet(first, second);
    clock.advance(0.5);

    const honest = put(second);
    answer.resolve(keySet(first)());

    expect(await honest).toBe(200);
    expect(await stranger).toBe(401);
    expect(fetches()).toBe(3);
  });
});

describe('the copy in the edge cache', () => {
  it.each(['', 'undefined', '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01'])(
    'does not read the edge cache of another version: "%s"',
    async (version) => {
      const { clock, second, url, isolate, sent } = await start();
      const headers = {
        'cache-control': 'max-age=3600',
        'x-fetched-at': String(clock.now().getTime()),
      };
      const planted = Response.json({ keys: [second.jwk] }, { headers });
      await caches.default.put(
        `https://key-set.invalid/${version}?url=${encodeURIComponent(url)}`,
        planted,
      );

      expect((await isolate()(await sent(second))).status).toBe(401);
    },
  );

  it('does not use the edge cache if the version is not known', async () => {
    const read = vi.spyOn(caches.default, 'match');
    const stored = vi.spyOn(caches.default, 'put');
    const { first, isolate, sent, fetches } = await start({ id: '', tag: '', timestamp: '' });

    expect((await isolate()(await sent(first))).status).toBe(200);

    expect(fetches()).toBe(2);
    expect([read.mock.calls, stored.mock.calls]).toEqual([[], []]);
  });
});

describe('crowds', () => {
  it('makes one fetch for fifty cold requests', async () => {
    const { clock, first, put, fetches } = await start();
    clock.advance(2 * 60 * MINUTE);

    const statuses = await Promise.all(Array.from({ length: 50 }, () => put(first)));

    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(fetches()).toBe(2);
  });

  it('makes one fetch for twenty requests while the issuer is down', async () => {
    const { clock, first, state, put, fetches } = await start();
    state.answer = down;
    clock.advance(2 * 60 * MINUTE);

    for (let n = 0; n < 20; n += 1) expect(await put(first)).toBe(503);

    expect(fetches()).toBe(2);
  });
});
