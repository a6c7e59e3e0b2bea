/**
 * Tests JWT_JWKS_URL, the URL of a remote key set: rotation, outages, malformed responses and
 * concurrent requests.
 */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { makeInvalidToken } from './support/answers.ts';
import { createStillClock, makePending, type StillClock, waitUntil } from './support/clock.ts';
import { type KeyPair, makeKeyPair } from './support/signer.ts';
import {
  claims,
  createWorker,
  expectRefusedUpdate,
  putValue,
  type Row,
  type Send,
  seconds,
  storeEvaluation,
} from './support/worker.ts';

const ISSUER = 'https://issuer.example';
const MINUTE = 60;

let first: KeyPair;
let second: KeyPair;
beforeAll(async () => {
  first = await makeKeyPair('ES256', 'key-1');
  second = await makeKeyPair('ES256', 'key-2');
});

const keySet =
  (...pairs: KeyPair[]) =>
  () =>
    Response.json({ keys: pairs.map(({ jwk }) => jwk) });
const down = () => {
  throw new TypeError('Network connection lost.');
};

const buildEdgeKey = (url: string) =>
  `https://key-set.invalid/${env.CF_VERSION_METADATA.id}?url=${encodeURIComponent(url)}`;

/** Fakes an issuer with a new URL, because the edge cache keeps its content after a test. */
function setUpRemoteJwks(answer: () => Response | Promise<Response>) {
  const url = `https://issuer.example/${crypto.randomUUID()}/keys`;
  const state = { answer };
  const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    expect(String(input)).toBe(url);
    return state.answer();
  });
  return {
    url,
    isolate: (clock: StillClock): Send =>
      createWorker(
        { JWT_SECRET: '', JWT_JWKS_URL: url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'run-evaluation' },
        clock,
      ),
    answers: (next: typeof answer) => {
      state.answer = next;
    },
    fetches: () => fetched.mock.calls.length,
    /** Waits until the edge cache has the key set, which the Worker writes in the background. */
    waitUntilCached: () =>
      waitUntil(async () => expect(await caches.default.match(buildEdgeKey(url))).toBeDefined()),
  };
}

async function put(
  send: Send,
  clock: StillClock,
  by: KeyPair,
  row: Row,
  value = 9,
): Promise<Response> {
  return send(await putValue(row, value, await mintTokenFor(by, clock)));
}

async function startWarmIsolate(...pairs: KeyPair[]) {
  const clock = createStillClock();
  const remote = setUpRemoteJwks(keySet(...pairs));
  const send = remote.isolate(clock);
  const row = await storeEvaluation();
  await put(send, clock, first, row, 1);
  await remote.waitUntilCached();
  return { clock, remote, send, row };
}

const mintTokenFor = (by: KeyPair, clock: StillClock) =>
  by.sign(
    claims({ iss: ISSUER, aud: 'run-evaluation', exp: seconds(clock.now()) + 24 * 60 * MINUTE }),
  );

const unknownKey = makeInvalidToken('The token is signed with a key that is not known here.');
const unavailable = (retryAfter: number) => ({
  status: 503,
  error:
    "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
  headers: { 'retry-after': String(retryAfter) },
});

describe('a remote key set', () => {
  it('fetches a key set once for nine minutes of requests, as JSON and without following redirects', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const send = remote.isolate(clock);
    const row = await storeEvaluation();

    for (const age of [0, 1, 60, 478]) {
      clock.advance(age);
      expect((await put(send, clock, first, row, age)).status).toBe(200);
    }

    expect(remote.fetches()).toBe(1);
    expect(vi.mocked(fetch).mock.calls[0]?.[1]).toMatchObject({
      redirect: 'manual',
      cache: 'no-store',
      headers: { accept: 'application/json' },
      signal: expect.any(AbortSignal),
    });
  });

  it('a new isolate takes the key set from the edge cache, without another fetch', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const row = await storeEvaluation();
    await put(remote.isolate(clock), clock, first, row);
    await remote.waitUntilCached();
    clock.advance(8 * MINUTE);

    expect((await put(remote.isolate(clock), clock, first, row, 8)).status).toBe(200);

    expect(remote.fetches()).toBe(1);
  });

  it('verifies tokens without an edge cache', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const row = await storeEvaluation();
    vi.spyOn(caches.default, 'match').mockRejectedValue(new Error('no cache here'));
    vi.spyOn(caches.default, 'put').mockRejectedValue(new Error('no cache here'));
    const send = remote.isolate(clock);

    expect((await put(send, clock, first, row)).status).toBe(200);
    expect((await put(send, clock, first, row)).status).toBe(200);

    expect(remote.fetches()).toBe(1);
  });

  it('fetches a key set once for five concurrent cold requests', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const send = remote.isolate(clock);
    const rows = await Promise.all([1, 2, 3, 4, 5].map(() => storeEvaluation()));

    const answers = await Promise.all(rows.map((row) => put(send, clock, first, row)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(remote.fetches()).toBe(1);
  });
});

describe('the age of a key set', () => {
  it('counts the age of a key set from the request, not from the response', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(() => {
      clock.advance(2);
      return keySet(first)();
    });
    const send = remote.isolate(clock);
    const row = await storeEvaluation();
    await put(send, clock, first, row, 1);
    clock.advance(598);

    await put(send, clock, first, row, 2);

    expect(remote.fetches()).toBe(2);
  });
});

describe('a key set with unusable keys', () => {
  it.each<[string, () => Promise<object> | object]>([
    ['a broken one', () => BROKEN],
    ['one without its material', () => ({ kty: 'RSA', kid: 'key-1' })],
    ['a weak one', async () => (await makeKeyPair('RS256', 'key-1', { modulusLength: 1024 })).jwk],
    ['a symmetric one', () => ({ kty: 'oct', kid: 'key-1', k: 'c2VjcmV0' })],
    ['one of an unknown type', () => ({ kty: 'XYZ' })],
  ])('verifies with the good keys of a set, whatever else is in the set: %s', async (_, other) => {
    const clock = createStillClock();
    const unusable = await other();
    const remote = setUpRemoteJwks(() => Response.json({ keys: [unusable, first.jwk, unusable] }));
    const row = await storeEvaluation();

    expect((await put(remote.isolate(clock), clock, first, row)).status).toBe(200);
  });

  it('never verifies with a key whose private part it publishes', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(() =>
      Response.json({ keys: [{ ...first.jwk, d: 'AAAA' }, second.jwk] }),
    );
    const row = await storeEvaluation();
    const send = remote.isolate(clock);

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintTokenFor(first, clock)),
      unknownKey,
      send,
    );
    expect((await put(send, clock, second, row)).status).toBe(200);
  });
});

describe('a key set in which several keys have one kid', () => {
  it('verifies with each of several keys with one kid, in any order', async () => {
    const twin = await makeKeyPair('ES256', 'key-1');

    for (const published of [
      [first, twin],
      [twin, first],
    ]) {
      const clock = createStillClock();
      const send = setUpRemoteJwks(keySet(...published)).isolate(clock);
      const row = await storeEvaluation();
      for (const by of [first, twin, first])
        expect((await put(send, clock, by, row)).status).toBe(200);
    }
  });

  it('refuses a claim of a token that its second key verifies, by that claim', async () => {
    const twin = await makeKeyPair('ES256', 'key-1');
    const clock = createStillClock();
    const send = setUpRemoteJwks(keySet(first, twin)).isolate(clock);
    const row = await storeEvaluation();
    const now = seconds(clock.now());

    const token = await twin.sign(claims({ iss: ISSUER, aud: 'run-evaluation', exp: now - 60 }));
    const expired = makeInvalidToken('The token has expired.');
    await expectRefusedUpdate(row, await putValue(row, 9, token), expired, send);
  });

  it('refuses a forged token after one verification for each key with its kid', async () => {
    const twins = await Promise.all(
      Array.from({ length: 63 }, () => makeKeyPair('ES256', 'key-1')),
    );
    const clock = createStillClock();
    const send = setUpRemoteJwks(keySet(second, ...twins)).isolate(clock);
    const row = await storeEvaluation();
    const verified = vi.spyOn(crypto.subtle, 'verify');

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintTokenFor(first, clock)),
      makeInvalidToken("The token's signature does not verify."),
      send,
    );

    expect(verified).toHaveBeenCalledTimes(63);
  });

  it('verifies a repeated token once, and refuses it once its key is removed and the other stays', async () => {
    const twin = await makeKeyPair('ES256', 'key-1');
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first, twin));
    const send = remote.isolate(clock);
    const row = await storeEvaluation();
    const token = await mintTokenFor(twin, clock);
    const verified = vi.spyOn(crypto.subtle, 'verify');

    for (const value of [1, 2, 3])
      expect((await send(await putValue(row, value, token))).status).toBe(200);
    expect(verified).toHaveBeenCalledTimes(2);

    remote.answers(keySet(first));
    clock.advance(11 * MINUTE);
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, token),
      makeInvalidToken("The token's signature does not verify."),
      send,
    );
    expect((await put(send, clock, first, row)).status).toBe(200);
  });
});

describe('the edge cache', () => {
  const copy = (body: BodyInit, fetchedAt: unknown) =>
    new Response(body, {
      headers: { 'cache-control': 'max-age=3600', 'x-fetched-at': String(fetchedAt) },
    });

  it.each<[string, (now: number) => Response]>([
    ['garbage', (now) => copy('<html>', now)],
    ['an empty set', (now) => copy('{"keys":[]}', now)],
    ['a set from the future', (now) => copy(JSON.stringify({ keys: [second.jwk] }), now + 60_000)],
    ['a set without a time', () => copy(JSON.stringify({ keys: [second.jwk] }), 'soon')],
    ['a set without an end', () => copy(JSON.stringify({ keys: [second.jwk] }), 'Infinity')],
    ['a set too old', (now) => copy(JSON.stringify({ keys: [second.jwk] }), now - 3_600_000)],
  ])('fetches the key set if the edge cache contains %s', async (_, cached) => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const row = await storeEvaluation();
    await caches.default.put(buildEdgeKey(remote.url), cached(clock.now().getTime()));
    const send = remote.isolate(clock);

    expect((await put(send, clock, first, row)).status).toBe(200);
    await expectRefusedUpdate(
      row,
      await putValue(row, 8, await mintTokenFor(second, clock)),
      unknownKey,
      send,
    );
    expect(remote.fetches()).toBe(1);
  });

  it('the edge cache keeps a key set for as long as the Worker may use it during an outage', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    await put(remote.isolate(clock), clock, first, await storeEvaluation());
    await remote.waitUntilCached();

    const cached = await caches.default.match(buildEdgeKey(remote.url));

    expect(cached?.headers.get('cache-control')).toBe('max-age=3600');
    expect(await cached?.json()).toEqual({ keys: [first.jwk] });
  });

  it.each([60_000, 50, -60_000])(
    'does not replace a kept set by one from the edge cache of another time (%d ms from now)',
    async (ms) => {
      const { clock, remote, send, row } = await startWarmIsolate(first);
      clock.advance(10 * MINUTE);
      const age = ms < 0 ? -11 * MINUTE * 1000 : ms;
      await caches.default.put(
        buildEdgeKey(remote.url),
        copy(JSON.stringify({ keys: [second.jwk] }), clock.now().getTime() + age),
      );
      remote.answers(down);

      expect((await put(send, clock, first, row, 2)).status).toBe(200);
    },
  );

  it('an edge cache that hangs delays nobody', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const row = await storeEvaluation();
    const match = vi.spyOn(caches.default, 'match').mockReturnValue(makePending());
    const store = vi.spyOn(caches.default, 'put').mockReturnValue(makePending());

    const answer = put(remote.isolate(clock), clock, first, row);
    await waitUntil(() => expect(match).toHaveBeenCalled());
    clock.advance(0.5);
    await waitUntil(() => expect(store).toHaveBeenCalled());
    clock.advance(0.5);

    expect((await answer).status).toBe(200);
  });
});

describe('rotation', () => {
  it('verifies a key that is published a second after the set was fetched', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    clock.advance(1);
    remote.answers(keySet(first, second));

    expect((await put(send, clock, second, row, 2)).status).toBe(200);
  });

  it('verifies with a new key as soon as it is used, and with the old one until it is removed', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    clock.advance(MINUTE);
    remote.answers(keySet(first, second));

    expect((await put(send, clock, second, row, 2)).status).toBe(200);
    expect((await put(send, clock, first, row, 3)).status).toBe(200);

    expect(remote.fetches()).toBe(2);
  });

  it('stops verifying with a removed key within ten minutes, in every isolate', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first, second);
    remote.answers(keySet(second));
    clock.advance(5 * MINUTE);
    const later = remote.isolate(clock);
    expect((await put(later, clock, first, row, 2)).status).toBe(200);
    clock.advance(5 * MINUTE);

    for (const isolate of [send, later]) {
      await expectRefusedUpdate(
        row,
        await putValue(row, 3, await mintTokenFor(first, clock)),
        unknownKey,
        isolate,
      );
    }
    expect(remote.fetches()).toBe(2);
  });

  it('fetches the key set once for five concurrent unknown key ids', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    const unknown = await Promise.all([3, 4, 5, 6, 7].map((n) => makeKeyPair('ES256', `key-${n}`)));
    clock.advance(31);

    const answers = await Promise.all(unknown.map((pair) => put(send, clock, pair, row)));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(remote.fetches()).toBe(2);

    clock.advance(1);
    expect((await put(send, clock, second, row)).status).toBe(401);
    expect(remote.fetches()).toBe(3);
  });

  it('does not refuse five concurrent requests with a new key while the new set is being fetched', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const send = remote.isolate(clock);
    const rows = await Promise.all([1, 2, 3, 4, 5].map(() => storeEvaluation()));
    await Promise.all(rows.map((row) => put(send, clock, first, row, 1)));
    clock.advance(31);
    remote.answers(keySet(first, second));

    const answers = await Promise.all(rows.map((row) => put(send, clock, second, row, 2)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(remote.fetches()).toBe(2);
  });
});

const BROKEN = { kty: 'EC', crv: 'P-256', kid: 'key-1', x: 'AAAA', y: 'AAAA' };

const GARBAGE: [string, () => Response | Promise<Response>][] = [
  ['is down', down],
  ['answers 500', () => Response.json({ keys: [] }, { status: 500 })],
  ['answers 404', () => new Response('not here', { status: 404 })],
  ['answers 203', () => Response.json({ keys: [first.jwk] }, { status: 203 })],
  ['answers 206', () => Response.json({ keys: [first.jwk] }, { status: 206 })],
  ['answers 204', () => new Response(null, { status: 204 })],
  ['redirects', () => Response.redirect('https://attacker.example/keys', 302)],
  ['answers HTML', () => new Response('<!doctype html><h1>Sign in</h1>')],
  ['answers nothing', () => new Response('')],
  ['answers null', () => Response.json(null)],
  ['answers an array', () => Response.json([])],
  ['answers an object without keys', () => Response.json({ key: [] })],
  ['answers an empty set', () => Response.json({ keys: [] })],
  ['answers keys that are none', () => Response.json({ keys: [null] })],
  ['answers a broken key alone', () => Response.json({ keys: [BROKEN] })],
  [
    'answers a symmetric key alone',
    () => Response.json({ keys: [{ kty: 'oct', kid: 'key-1', k: 'c2VjcmV0' }] }),
  ],
  ['answers 65 keys', () => Response.json({ keys: Array.from({ length: 65 }, () => first.jwk) })],
  [
    'answers more than 64 KiB',
    () => Response.json({ keys: [first.jwk], pad: 'x'.repeat(64 * 1024) }),
  ],
  [
    'answers invalid UTF-8',
    () => {
      const [before = '', after = ''] = JSON.stringify({ keys: [first.jwk], note: '#' }).split('#');
      const encoder = new TextEncoder();
      return new Response(
        new Uint8Array([...encoder.encode(before), 0xff, ...encoder.encode(after)]),
      );
    },
  ],
  [
    'breaks off',
    () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.error(new Error('connection lost')),
        }),
      ),
  ],
];

describe('an outage of the remote key set', () => {
  it.each(GARBAGE)(
    'answers 503 with Retry-After without a kept set when the remote %s, then recovers',
    async (_, failing) => {
      const clock = createStillClock();
      const remote = setUpRemoteJwks(failing);
      const send = remote.isolate(clock);
      const row = await storeEvaluation();
      const sent = async () => putValue(row, 9, await mintTokenFor(first, clock));

      await expectRefusedUpdate(row, await sent(), unavailable(5), send);
      clock.advance(4);
      await expectRefusedUpdate(row, await sent(), unavailable(1), send);
      expect(remote.fetches()).toBe(1);

      clock.advance(1);
      remote.answers(keySet(first));
      expect((await send(await sent())).status).toBe(200);
      expect(remote.fetches()).toBe(2);
    },
  );

  it.each(GARBAGE)(
    'uses a kept set for at most an hour when the remote %s, then recovers',
    async (_, failing) => {
      const clock = createStillClock();
      const remote = setUpRemoteJwks(keySet(first));
      const send = remote.isolate(clock);
      const row = await storeEvaluation();
      await put(send, clock, first, row, 1);
      await remote.waitUntilCached();
      remote.answers(failing);

      clock.advance(10 * MINUTE);
      expect((await put(send, clock, first, row, 2)).status).toBe(200);
      expect((await put(send, clock, first, row, 3)).status).toBe(200);
      expect(remote.fetches()).toBe(2);
      clock.advance(49 * MINUTE + 59);
      expect((await put(remote.isolate(clock), clock, first, row, 4)).status).toBe(200);
      expect((await put(send, clock, first, row, 5)).status).toBe(200);

      clock.advance(MINUTE);
      await expectRefusedUpdate(
        row,
        await putValue(row, 6, await mintTokenFor(first, clock)),
        unavailable(5),
        send,
      );

      clock.advance(5);
      remote.answers(keySet(first));
      expect((await put(send, clock, first, row, 7)).status).toBe(200);
    },
  );

  it('answers 503 and not 401 for a key that a new set could have', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(down);
    clock.advance(31);

    await expectRefusedUpdate(
      row,
      await putValue(row, 2, await mintTokenFor(second, clock)),
      unavailable(5),
      send,
    );
    expect((await put(send, clock, first, row, 3)).status).toBe(200);

    remote.answers(keySet(first, second));
    clock.advance(30);
    expect((await put(send, clock, second, row, 4)).status).toBe(200);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['its headers', () => makePending()],
    ['its body', () => new Response(new ReadableStream({ pull: () => makePending() }))],
  ])('gives up the fetch after three seconds without %s', async (_, slow) => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(slow);
    const send = remote.isolate(clock);
    const row = await storeEvaluation();
    const sent = await putValue(row, 9, await mintTokenFor(first, clock));

    const refused = expectRefusedUpdate(row, sent, unavailable(5), send);
    await waitUntil(() => expect(remote.fetches()).toBe(1));
    clock.advance(3);
    await refused;
    expect(vi.mocked(fetch).mock.calls[0]?.[1]?.signal?.aborted).toBe(true);
  });

  it('does not delay a known key while the search for an unknown one is slow', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    clock.advance(31);
    remote.answers(() => makePending());

    const search = put(send, clock, second, row, 2);
    await waitUntil(() => expect(remote.fetches()).toBe(2));
    expect((await put(send, clock, first, row, 3)).status).toBe(200);

    clock.advance(3);
    expect((await search).status).toBe(503);
  });

  it('does not block other requests when the one that fetches is cut off', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(() => makePending<Response>());
    // The timers of this isolate never fire, as if the platform had ended the request that fetches.
    const send = remote.isolate({ ...clock, after: () => () => {} });
    const row = await storeEvaluation();
    void put(send, clock, first, row, 1);
    await waitUntil(() => expect(remote.fetches()).toBe(1));
    remote.answers(keySet(first));

    const waiting = put(send, clock, first, row, 2);
    clock.advance(4);

    expect((await waiting).status).toBe(200);
    expect(remote.fetches()).toBe(2);
  });

  it('delays known keys at most once while the fetch hangs and a kept set is in use', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(down);
    clock.advance(10 * MINUTE);
    await put(send, clock, first, row, 2);
    remote.answers(() => makePending());
    clock.advance(30);

    const asking = put(send, clock, first, row, 3);
    await waitUntil(() => expect(remote.fetches()).toBe(3));
    expect((await put(send, clock, first, row, 4)).status).toBe(200);

    clock.advance(3);
    expect((await asking).status).toBe(200);
  });

  it('answers 401 to an unknown key again as soon as a fetch succeeds', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(down);
    clock.advance(10 * MINUTE);
    await put(send, clock, first, row, 2);
    remote.answers(keySet(first));
    clock.advance(30);
    await put(send, clock, first, row, 3);

    await expectRefusedUpdate(
      row,
      await putValue(row, 4, await mintTokenFor(second, clock)),
      unknownKey,
      send,
    );
  });

  it('fetches again five seconds after the kept set has become too old, not thirty', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(down);
    clock.advance(59 * MINUTE + 50);
    expect((await put(send, clock, first, row, 2)).status).toBe(200);
    remote.answers(keySet(first));
    clock.advance(11);

    expect((await put(send, clock, first, row, 3)).status).toBe(200);
  });

  it('fetches again when the clock is set back after a failure', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(down);
    clock.advance(61 * MINUTE);
    expect((await put(send, clock, first, row, 2)).status).toBe(503);
    remote.answers(keySet(first));
    clock.advance(-30 * MINUTE);

    expect((await put(send, clock, first, row, 3)).status).toBe(200);
  });

  it('does not keep a set for ever when the clock is set back', async () => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(keySet(second));
    clock.advance(-24 * 60 * MINUTE);

    await expectRefusedUpdate(
      row,
      await putValue(row, 2, await mintTokenFor(first, clock)),
      unknownKey,
      send,
    );
  });

  it('does not fail requests that wait for a second fetch, when the first one fails late', async () => {
    const clock = createStillClock();
    const answers = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()];
    let asked = 0;
    const remote = setUpRemoteJwks(() => {
      asked += 1;
      return answers[asked - 1]?.promise ?? down();
    });
    // The timers of this isolate never fire, as if the platform had delayed them.
    const send = remote.isolate({ ...clock, after: () => () => {} });
    const row = await storeEvaluation();
    const late = put(send, clock, first, row, 1);
    await waitUntil(() => expect(remote.fetches()).toBe(1));
    clock.advance(4);
    const asking = put(send, clock, first, row, 2);
    await waitUntil(() => expect(remote.fetches()).toBe(2));
    const waiting = put(send, clock, first, row, 3);

    answers[0]?.reject(new TypeError('Network connection lost.'));
    answers[1]?.resolve(keySet(first)());

    expect((await late).status).toBe(200);
    expect((await asking).status).toBe(200);
    expect((await waiting).status).toBe(200);
    expect(remote.fetches()).toBe(2);
  });

  it.each([
    ['answered 502', () => new Response('', { status: 502 })],
    ['answered more than 65536 bytes', () => new Response(' '.repeat(65_537))],
  ])('logs an outage, even while a kept set is in use: %s', async (cause, failing) => {
    const { clock, remote, send, row } = await startWarmIsolate(first);
    remote.answers(failing);
    const warned = vi.spyOn(console, 'warn');
    clock.advance(10 * MINUTE);

    expect((await put(send, clock, first, row, 2)).status).toBe(200);

    expect(JSON.parse(String(warned.mock.calls.flat()[0]))).toMatchObject({
      warning: 'key_set_not_refreshed',
      cause,
    });
  });

  it('fetches no key set for credentials that are not a token, or for another algorithm', async () => {
    const clock = createStillClock();
    const remote = setUpRemoteJwks(keySet(first));
    const send = remote.isolate(clock);
    const row = await storeEvaluation();

    for (const token of ['', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.AAAA']) {
      expect((await send(await putValue(row, 9, token))).status).toBe(401);
    }

    expect(remote.fetches()).toBe(0);
  });
});

describe('plain http for the key set', () => {
  it.each(['http://localhost:9/keys', 'http://127.0.0.1:9/keys', 'http://[::1]:9/keys'])(
    'allows plain http for the key set at %s',
    async (url) => {
      const clock = createStillClock();
      const row = await storeEvaluation();
      vi.spyOn(globalThis, 'fetch').mockImplementation(async () => keySet(first)());
      const settings = {
        JWT_SECRET: '',
        JWT_JWKS_URL: url,
        JWT_ISSUER: ISSUER,
        JWT_AUDIENCE: 'run-evaluation',
      };

      expect((await put(createWorker(settings, clock), clock, first, row)).status).toBe(200);
    },
  );
});
