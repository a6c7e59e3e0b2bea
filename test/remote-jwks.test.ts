/** JWT_JWKS_URL: the issuer's key set through rotation, outage, rubbish and crowds, counted in fetches. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { invalidToken } from './support/answers.ts';
import { type StillClock, stillClock, until } from './support/clock.ts';
import { type KeyPair, keyPair } from './support/signer.ts';
import {
  claims,
  expectRefusedUpdate,
  putValue,
  type Row,
  type Send,
  seconds,
  storeEvaluation,
  workerWith,
} from './support/worker.ts';

const ISSUER = 'https://issuer.example';
const MINUTE = 60;

let first: KeyPair;
let second: KeyPair;
beforeAll(async () => {
  first = await keyPair('ES256', 'key-1');
  second = await keyPair('ES256', 'key-2');
});

const keySet =
  (...pairs: KeyPair[]) =>
  () =>
    Response.json({ keys: pairs.map(({ jwk }) => jwk) });
const down = () => {
  throw new TypeError('Network connection lost.');
};

/** An issuer of its own for each test, for the edge cache outlives a test. */
function issuer(answer: () => Response | Promise<Response>) {
  const url = `https://issuer.example/${crypto.randomUUID()}/keys`;
  const state = { answer };
  const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    expect(String(input)).toBe(url);
    return state.answer();
  });
  return {
    url,
    /** A new isolate, which knows nothing yet. */
    isolate: (clock: StillClock): Send =>
      workerWith({ JWT_SECRET: '', JWT_JWKS_URL: url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'run-evaluation' }, clock),
    answers: (next: typeof answer) => {
      state.answer = next;
    },
    fetches: () => fetched.mock.calls.length,
  };
}

/** Sends an update with a token of that key pair; the value says that it was this one which was stored. */
async function put(send: Send, clock: StillClock, by: KeyPair, row: Row, value = 9): Promise<Response> {
  return send(await putValue(row, value, await tokenOf(by, clock)));
}

/** An issuer, and an isolate that has its keys already. */
async function knownIssuer(...pairs: KeyPair[]) {
  const clock = stillClock();
  const idp = issuer(keySet(...pairs));
  const send = idp.isolate(clock);
  const row = await storeEvaluation();
  await put(send, clock, first, row, 1);
  return { clock, idp, send, row };
}

const tokenOf = (by: KeyPair, clock: StillClock) =>
  by.sign(claims({ iss: ISSUER, aud: 'run-evaluation', exp: seconds(clock.now()) + 24 * 60 * MINUTE }));

const unknownKey = invalidToken('The token is signed with a key that is not known here.');
const unavailable = (retryAfter: number) => ({
  status: 503,
  error: "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
  headers: { 'retry-after': String(retryAfter) },
});

describe('the key set of an issuer', () => {
  it('is fetched once for ten minutes of requests, as JSON and without following redirects', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const send = idp.isolate(clock);
    const row = await storeEvaluation();

    for (const age of [0, 1, 60, 500]) {
      clock.advance(age);
      expect((await put(send, clock, first, row, age)).status).toBe(200);
    }

    expect(idp.fetches()).toBe(1);
    expect(vi.mocked(fetch).mock.calls[0]?.[1]).toMatchObject({
      redirect: 'manual',
      cache: 'no-store',
      headers: { accept: 'application/json' },
      signal: expect.any(AbortSignal),
    });
  });

  it('reaches a new isolate from the edge cache, and the issuer is not asked', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const row = await storeEvaluation();
    await put(idp.isolate(clock), clock, first, row);
    clock.advance(9 * MINUTE);

    expect((await put(idp.isolate(clock), clock, first, row, 8)).status).toBe(200);

    expect(idp.fetches()).toBe(1);
  });

  it('works without an edge cache', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const row = await storeEvaluation();
    vi.spyOn(caches.default, 'match').mockRejectedValue(new Error('no cache here'));
    vi.spyOn(caches.default, 'put').mockRejectedValue(new Error('no cache here'));
    const send = idp.isolate(clock);

    expect((await put(send, clock, first, row)).status).toBe(200);
    expect((await put(send, clock, first, row)).status).toBe(200);

    expect(idp.fetches()).toBe(1);
  });

  it('is fetched once for five concurrent cold requests', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const send = idp.isolate(clock);
    const rows = await Promise.all([1, 2, 3, 4, 5].map(() => storeEvaluation()));

    const answers = await Promise.all(rows.map((row) => put(send, clock, first, row)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(idp.fetches()).toBe(1);
  });
});

describe('the age of a set', () => {
  it('is counted from the question, not from the answer', async () => {
    const clock = stillClock();
    const idp = issuer(() => {
      clock.advance(2);
      return keySet(first)();
    });
    const send = idp.isolate(clock);
    const row = await storeEvaluation();
    await put(send, clock, first, row, 1);
    clock.advance(598);

    await put(send, clock, first, row, 2);

    expect(idp.fetches()).toBe(2);
  });
});

describe('a key set in the wild', () => {
  it.each<[string, () => Promise<object> | object]>([
    ['a broken one', () => BROKEN],
    ['one without its material', () => ({ kty: 'RSA', kid: 'key-1' })],
    ['a weak one', async () => (await keyPair('RS256', 'key-1', 1024)).jwk],
    ['a symmetric one', () => ({ kty: 'oct', kid: 'key-1', k: 'c2VjcmV0' })],
    ['one of an unknown type', () => ({ kty: 'XYZ' })],
  ])('verifies with its good keys, whatever else is in it: %s', async (_, other) => {
    const clock = stillClock();
    const wild = await other();
    const idp = issuer(() => Response.json({ keys: [wild, first.jwk, wild] }));
    const row = await storeEvaluation();

    expect((await put(idp.isolate(clock), clock, first, row)).status).toBe(200);
  });

  it('does not verify with a key whose private part it publishes', async () => {
    const clock = stillClock();
    const idp = issuer(() => Response.json({ keys: [{ ...first.jwk, d: 'AAAA' }, second.jwk] }));
    const row = await storeEvaluation();
    const send = idp.isolate(clock);

    await expectRefusedUpdate(row, await putValue(row, 9, await tokenOf(first, clock)), unknownKey, send);
    expect((await put(send, clock, second, row)).status).toBe(200);
  });
});

describe('the edge cache', () => {
  const edgeKey = (url: string) => `https://key-set.invalid/?url=${encodeURIComponent(url)}`;
  const copy = (body: BodyInit, fetchedAt: unknown) =>
    new Response(body, { headers: { 'cache-control': 'max-age=3600', 'x-fetched-at': String(fetchedAt) } });

  it.each<[string, (now: number) => Response]>([
    ['rubbish', (now) => copy('<html>', now)],
    ['an empty set', (now) => copy('{"keys":[]}', now)],
    ['a set from the future', (now) => copy(JSON.stringify({ keys: [second.jwk] }), now + 60_000)],
    ['a set without a time', () => copy(JSON.stringify({ keys: [second.jwk] }), 'soon')],
    ['a set without an end', () => copy(JSON.stringify({ keys: [second.jwk] }), 'Infinity')],
    ['a set too old', (now) => copy(JSON.stringify({ keys: [second.jwk] }), now - 3_600_000)],
  ])('is passed over where it holds %s: the issuer is asked', async (_, cached) => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const row = await storeEvaluation();
    await caches.default.put(edgeKey(idp.url), cached(clock.now().getTime()));
    const send = idp.isolate(clock);

    expect((await put(send, clock, first, row)).status).toBe(200);
    await expectRefusedUpdate(row, await putValue(row, 8, await tokenOf(second, clock)), unknownKey, send);
    expect(idp.fetches()).toBe(1);
  });

  it('keeps a set for as long as it may be used while the issuer is down', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    await put(idp.isolate(clock), clock, first, await storeEvaluation());

    const cached = await caches.default.match(edgeKey(idp.url));

    expect(cached?.headers.get('cache-control')).toBe('max-age=3600');
    expect(await cached?.json()).toEqual({ keys: [first.jwk] });
  });

  it.each([60_000, 50, -60_000])('does not displace a kept set by one of another time (%d ms from now)', async (ms) => {
    const { clock, idp, send, row } = await knownIssuer(first);
    clock.advance(10 * MINUTE);
    const age = ms < 0 ? -11 * MINUTE * 1000 : ms;
    await caches.default.put(
      edgeKey(idp.url),
      copy(JSON.stringify({ keys: [second.jwk] }), clock.now().getTime() + age),
    );
    idp.answers(down);

    expect((await put(send, clock, first, row, 2)).status).toBe(200);
  });

  it('holds nobody up where it hangs', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const row = await storeEvaluation();
    const match = vi.spyOn(caches.default, 'match').mockReturnValue(new Promise(() => {}));
    const store = vi.spyOn(caches.default, 'put').mockReturnValue(new Promise(() => {}));

    const answer = put(idp.isolate(clock), clock, first, row);
    await until(() => expect(match).toHaveBeenCalled());
    clock.advance(0.5);
    await until(() => expect(store).toHaveBeenCalled());
    clock.advance(0.5);

    expect((await answer).status).toBe(200);
  });
});

describe('rotation', () => {
  it('verifies a key that is published a second after the set was fetched', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    clock.advance(1);
    idp.answers(keySet(first, second));

    expect((await put(send, clock, second, row, 2)).status).toBe(200);
  });

  it('needs no downtime: a new key verifies as soon as it is used, the old one until it is removed', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    clock.advance(MINUTE);
    idp.answers(keySet(first, second));

    expect((await put(send, clock, second, row, 2)).status).toBe(200);
    expect((await put(send, clock, first, row, 3)).status).toBe(200);

    expect(idp.fetches()).toBe(2);
  });

  it('takes a removed key out of use within ten minutes, in every isolate', async () => {
    const { clock, idp, send, row } = await knownIssuer(first, second);
    idp.answers(keySet(second));
    clock.advance(5 * MINUTE);
    const later = idp.isolate(clock);
    expect((await put(later, clock, first, row, 2)).status).toBe(200);
    clock.advance(5 * MINUTE);

    for (const isolate of [send, later]) {
      await expectRefusedUpdate(row, await putValue(row, 3, await tokenOf(first, clock)), unknownKey, isolate);
    }
    expect(idp.fetches()).toBe(2);
  });

  it('fetches once for five unknown key ids at a time, and not again within the cooldown', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    const strangers = await Promise.all([3, 4, 5, 6, 7].map((n) => keyPair('ES256', `key-${n}`)));
    clock.advance(31);

    const answers = await Promise.all(strangers.map((stranger) => put(send, clock, stranger, row)));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(idp.fetches()).toBe(2);

    clock.advance(29);
    for (const stranger of strangers) expect((await put(send, clock, stranger, row)).status).toBe(401);
    expect(idp.fetches()).toBe(2);

    clock.advance(1);
    expect((await put(send, clock, second, row)).status).toBe(401);
    expect(idp.fetches()).toBe(3);
  });

  it('does not refuse new keys that come five at a time while the new set is being fetched', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const send = idp.isolate(clock);
    const rows = await Promise.all([1, 2, 3, 4, 5].map(() => storeEvaluation()));
    await Promise.all(rows.map((row) => put(send, clock, first, row, 1)));
    clock.advance(31);
    idp.answers(keySet(first, second));

    const answers = await Promise.all(rows.map((row) => put(send, clock, second, row, 2)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(idp.fetches()).toBe(2);
  });
});

const BROKEN = { kty: 'EC', crv: 'P-256', kid: 'key-1', x: 'AAAA', y: 'AAAA' };

const RUBBISH: [string, () => Response | Promise<Response>][] = [
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
  ['answers a symmetric key alone', () => Response.json({ keys: [{ kty: 'oct', kid: 'key-1', k: 'c2VjcmV0' }] })],
  ['answers 65 keys', () => Response.json({ keys: Array.from({ length: 65 }, () => first.jwk) })],
  ['answers more than 64 KiB', () => Response.json({ keys: [first.jwk], pad: 'x'.repeat(64 * 1024) })],
  [
    'answers invalid UTF-8',
    () => {
      const [before = '', after = ''] = JSON.stringify({ keys: [first.jwk], note: '#' }).split('#');
      const encoder = new TextEncoder();
      return new Response(new Uint8Array([...encoder.encode(before), 0xff, ...encoder.encode(after)]));
    },
  ],
  [
    'breaks off',
    () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error('connection lost')) })),
  ],
];

describe('an issuer that fails', () => {
  it.each(RUBBISH)('with no set kept: 503 with Retry-After when it %s, then recovery', async (_, failing) => {
    const clock = stillClock();
    const idp = issuer(failing);
    const send = idp.isolate(clock);
    const row = await storeEvaluation();
    const sent = async () => putValue(row, 9, await tokenOf(first, clock));

    await expectRefusedUpdate(row, await sent(), unavailable(5), send);
    clock.advance(4);
    await expectRefusedUpdate(row, await sent(), unavailable(1), send);
    expect(idp.fetches()).toBe(1);

    clock.advance(1);
    idp.answers(keySet(first));
    expect((await send(await sent())).status).toBe(200);
    expect(idp.fetches()).toBe(2);
  });

  it.each(RUBBISH)(
    'with a set kept: uses it for an hour and no longer when it %s, then recovery',
    async (_, failing) => {
      const clock = stillClock();
      const idp = issuer(keySet(first));
      const send = idp.isolate(clock);
      const row = await storeEvaluation();
      await put(send, clock, first, row, 1);
      idp.answers(failing);

      clock.advance(10 * MINUTE);
      expect((await put(send, clock, first, row, 2)).status).toBe(200);
      expect((await put(send, clock, first, row, 3)).status).toBe(200);
      expect(idp.fetches()).toBe(2);
      clock.advance(49 * MINUTE + 59);
      expect((await put(idp.isolate(clock), clock, first, row, 4)).status).toBe(200);
      expect((await put(send, clock, first, row, 5)).status).toBe(200);

      clock.advance(MINUTE);
      await expectRefusedUpdate(row, await putValue(row, 6, await tokenOf(first, clock)), unavailable(5), send);

      clock.advance(5);
      idp.answers(keySet(first));
      expect((await put(send, clock, first, row, 7)).status).toBe(200);
    },
  );

  it('says 503 and not 401 of a key that only the issuer could know', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(down);
    clock.advance(31);

    await expectRefusedUpdate(row, await putValue(row, 2, await tokenOf(second, clock)), unavailable(30), send);
    expect((await put(send, clock, first, row, 3)).status).toBe(200);

    idp.answers(keySet(first, second));
    clock.advance(30);
    expect((await put(send, clock, second, row, 4)).status).toBe(200);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['its headers', () => new Promise(() => {})],
    ['its body', () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))],
  ])('is given three seconds for %s', async (_, slow) => {
    const clock = stillClock();
    const idp = issuer(slow);
    const send = idp.isolate(clock);
    const row = await storeEvaluation();
    const sent = await putValue(row, 9, await tokenOf(first, clock));

    const refused = expectRefusedUpdate(row, sent, unavailable(5), send);
    await until(() => expect(idp.fetches()).toBe(1));
    clock.advance(3);
    await refused;
  });

  it('does not hold up a known key while it is slow about an unknown one', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    clock.advance(31);
    idp.answers(() => new Promise(() => {}));

    const stranger = put(send, clock, second, row, 2);
    await until(() => expect(idp.fetches()).toBe(2));
    expect((await put(send, clock, first, row, 3)).status).toBe(200);

    clock.advance(3);
    expect((await stranger).status).toBe(503);
  });

  it('lets another request in when the one that asks is cut off', async () => {
    const clock = stillClock();
    const idp = issuer(() => new Promise<Response>(() => {}));
    // Its timers never fire, like those of a request that the platform has ended.
    const send = idp.isolate({ ...clock, after: () => () => {} });
    const row = await storeEvaluation();
    void put(send, clock, first, row, 1);
    await until(() => expect(idp.fetches()).toBe(1));
    idp.answers(keySet(first));

    const waiting = put(send, clock, first, row, 2);
    clock.advance(4);

    expect((await waiting).status).toBe(200);
    expect(idp.fetches()).toBe(2);
  });

  it('does not hold up known keys again and again while it hangs and a kept set serves', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(down);
    clock.advance(10 * MINUTE);
    await put(send, clock, first, row, 2);
    idp.answers(() => new Promise(() => {}));
    clock.advance(30);

    const asking = put(send, clock, first, row, 3);
    await until(() => expect(idp.fetches()).toBe(3));
    expect((await put(send, clock, first, row, 4)).status).toBe(200);

    clock.advance(3);
    expect((await asking).status).toBe(200);
  });

  it('is forgiven as soon as it answers: an unknown key is 401 again', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(down);
    clock.advance(10 * MINUTE);
    await put(send, clock, first, row, 2);
    idp.answers(keySet(first));
    clock.advance(30);
    await put(send, clock, first, row, 3);

    await expectRefusedUpdate(row, await putValue(row, 4, await tokenOf(second, clock)), unknownKey, send);
  });

  it('is asked again five seconds after the last set has grown too old, not thirty', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(down);
    clock.advance(59 * MINUTE + 50);
    expect((await put(send, clock, first, row, 2)).status).toBe(200);
    idp.answers(keySet(first));
    clock.advance(11);

    expect((await put(send, clock, first, row, 3)).status).toBe(200);
  });

  it('does not keep from asking when the clock is set back after a failure', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(down);
    clock.advance(61 * MINUTE);
    expect((await put(send, clock, first, row, 2)).status).toBe(503);
    idp.answers(keySet(first));
    clock.advance(-30 * MINUTE);

    expect((await put(send, clock, first, row, 3)).status).toBe(200);
  });

  it('does not make a set everlasting when the clock is set back', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(keySet(second));
    clock.advance(-24 * 60 * MINUTE);

    await expectRefusedUpdate(row, await putValue(row, 2, await tokenOf(first, clock)), unknownKey, send);
  });

  it('does not make others give up who wait for a second question, when the first one fails late', async () => {
    const clock = stillClock();
    const answers = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()];
    let asked = 0;
    const idp = issuer(() => {
      asked += 1;
      return answers[asked - 1]?.promise ?? down();
    });
    // Its timers never fire, like those of a request that the platform holds up.
    const send = idp.isolate({ ...clock, after: () => () => {} });
    const row = await storeEvaluation();
    const late = put(send, clock, first, row, 1);
    await until(() => expect(idp.fetches()).toBe(1));
    clock.advance(4);
    const asking = put(send, clock, first, row, 2);
    await until(() => expect(idp.fetches()).toBe(2));
    const waiting = put(send, clock, first, row, 3);

    answers[0]?.reject(new TypeError('Network connection lost.'));
    expect((await late).status).toBe(503);
    answers[1]?.resolve(keySet(first)());

    expect((await asking).status).toBe(200);
    expect((await waiting).status).toBe(200);
    expect(idp.fetches()).toBe(2);
  });

  it('is heard of in the log, even while a kept set serves', async () => {
    const { clock, idp, send, row } = await knownIssuer(first);
    idp.answers(() => new Response('', { status: 502 }));
    const warned = vi.spyOn(console, 'warn');
    clock.advance(10 * MINUTE);

    expect((await put(send, clock, first, row, 2)).status).toBe(200);

    expect(JSON.parse(String(warned.mock.calls.flat()[0]))).toMatchObject({
      warning: 'key_set_not_refreshed',
      cause: 'answered 502',
    });
  });

  it('is never asked for credentials that are no token, or another algorithm', async () => {
    const clock = stillClock();
    const idp = issuer(keySet(first));
    const send = idp.isolate(clock);
    const row = await storeEvaluation();

    for (const token of ['', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.AAAA']) {
      expect((await send(await putValue(row, 9, token))).status).toBe(401);
    }

    expect(idp.fetches()).toBe(0);
  });
});

describe('plain http', () => {
  it.each(['http://localhost:9/keys', 'http://127.0.0.1:9/keys', 'http://[::1]:9/keys'])(
    'is allowed for %s',
    async (url) => {
      const clock = stillClock();
      const row = await storeEvaluation();
      vi.spyOn(globalThis, 'fetch').mockImplementation(async () => keySet(first)());
      const settings = { JWT_SECRET: '', JWT_JWKS_URL: url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'run-evaluation' };

      expect((await put(workerWith({ ...env, ...settings }, clock), clock, first, row)).status).toBe(200);
    },
  );
});
