/**
 * Tests strangers who reset their connections while the Worker fetches the issuer's key set. The
 * tests run in workerd itself and over a real wire. An honest caller still gets the right answer in
 * time, and the issuer gets no extra request. No test waits for time to pass: a test moves the
 * Worker's clock, and decides when the issuer answers.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bundle, bundleWorker, type Isolate } from './workerd.ts';

/**
 * From this age on the Worker refreshes a key set before it uses the set, and waits
 * STALE_WAIT_SECONDS for that.
 */
const FRESH_SECONDS = 600;
const STALE_WAIT_SECONDS = 1;
/** The Worker searches for unknown keys once in this time. */
const SEARCH_PAUSE_SECONDS = 2;
/** The Worker gives up on the issuer after this time. */
const ISSUER_TIMEOUT_SECONDS = 3;
const STRANGERS = 20;

const keys = new Map<string, { key: CryptoKey; jwk: object }>();
let worker: Bundle;
beforeAll(async () => {
  for (const kid of ['key-1', 'key-2']) {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    keys.set(kid, { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid } });
  }
  worker = await bundleWorker('test/setup/still-clock.worker.ts');
});
afterAll(() => worker.remove());

let issuer: Server;
/** The responses that the issuer owes or has given, one for each fetch of its key set. */
let fetches: ServerResponse[];
let onFetch: (response: ServerResponse) => void;
let isolate: Isolate;

const publish = (response: ServerResponse | undefined, ...kids: string[]) =>
  response?.end(JSON.stringify({ keys: kids.map((kid) => keys.get(kid)?.jwk) }));
const fail = (response: ServerResponse | undefined) => response?.writeHead(500).end();
const isSlow = () => undefined;

beforeEach(async ({ onTestFailed }) => {
  fetches = [];
  onFetch = isSlow;
  issuer = createServer((_, response) => {
    fetches.push(response);
    onFetch(response);
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const address = issuer.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const started = await worker.start({
    JWT_JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'run-evaluation',
  });
  isolate = started;
  onTestFailed(() => console.error(started.output()));
});
afterEach(async () => {
  await isolate.stop();
  issuer.closeAllConnections();
  issuer.close();
});

const waitUntil = (happened: () => void | Promise<void>) =>
  vi.waitFor(happened, { timeout: 60_000, interval: 5 });

const send = (path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${isolate.port}${path}`, init);
const advance = async (seconds: number) =>
  (await send(`/test/advance?seconds=${seconds}`, { method: 'POST' })).text();
const readState = async () =>
  (await (await send('/test/state')).json()) as Record<'received' | 'timers' | 'looking', number>;

const mintTokenFor = (kid: string) =>
  new SignJWT({ account_id: 'acc_a' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('user-1')
    .setIssuer('https://issuer.example')
    .setAudience('run-evaluation')
    .setExpirationTime('2h')
    .sign(keys.get(kid)?.key ?? new Uint8Array());

const forge = (kid: string) =>
  [{ alg: 'ES256', kid }, { sub: 'x' }, 'x'.repeat(48)]
    .map((part) =>
      Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'),
    )
    .join('.');
const mintKnownToken = () => forge('key-1');
const mintUnknownToken = () => forge(crypto.randomUUID());

/**
 * Sends an honest caller's request. The Worker refuses its path after authentication, so 400 means
 * a good token.
 */
async function ask(kid: string) {
  const headers = { authorization: `Bearer ${await mintTokenFor(kid)}` };
  const response = await send('/v1/run/x/evaluation/y', { headers });
  await response.text();
  return { status: response.status, retryAfter: response.headers.get('retry-after') };
}
const ACCEPTED = { status: 400, retryAfter: null };
const UNAVAILABLE = { status: 503, retryAfter: '5' };

/**
 * Sends honest requests. Resolves once each of them waits in the Worker. `answers` resolves once
 * they are answered.
 */
async function startToAsk(kid: string, count = 1) {
  const { looking } = await readState();
  const answers = Promise.all(Array.from({ length: count }, () => ask(kid)));
  await waitUntil(async () =>
    expect((await readState()).looking).toBeGreaterThanOrEqual(looking + count),
  );
  return { answers };
}

/** Returns the log lines of strangers: they send PUT, honest callers GET. */
const listStrangerLines = () => isolate.logLines().filter(({ method }) => method === 'PUT');

/**
 * Lets strangers connect, waits until the Worker has their requests, and resets their connections.
 * Resolves once the Worker has noticed.
 */
async function attack(token: () => string, count = STRANGERS) {
  const { received } = await readState();
  const logged = listStrangerLines().length;
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(isolate.port, '127.0.0.1').on('error', () => undefined);
    const head = 'PUT /v1/run/x/evaluation/y HTTP/1.1\r\nHost: a\r\n';
    socket.write(`${head}Authorization: Bearer ${token()}\r\n\r\n`);
    return socket;
  });
  await waitUntil(async () => expect((await readState()).received).toBe(received + count));
  for (const socket of sockets) socket.resetAndDestroy();
  await waitUntil(() => expect(listStrangerLines()).toHaveLength(logged + count));
}

/** Resolves with the response that the issuer owes for a fetch. The first fetch is number 1. */
async function fetchNumber(number: number) {
  await waitUntil(() => expect(fetches).toHaveLength(number));
  return fetches[number - 1];
}

/** Fills the isolate's key set, and lets the set grow old. */
async function keepKeySet(ageSeconds: number) {
  onFetch = (response) => publish(response, 'key-1');
  expect(await ask('key-1')).toEqual(ACCEPTED);
  onFetch = isSlow;
  await advance(ageSeconds);
}

describe('a crowd of strangers', () => {
  it('strangers who reset their connections keep no honest caller from an isolate without a key set, and the issuer gets one request', async () => {
    await attack(mintKnownToken);
    const { answers } = await startToAsk('key-1');
    await attack(mintKnownToken);

    publish(await fetchNumber(1), 'key-1');

    expect(await answers).toEqual([ACCEPTED]);
    await attack(mintKnownToken);
    expect(fetches).toHaveLength(1);
  });

  it('strangers who reset their connections make nobody wait longer than a second at the expiry of a key set, and the issuer gets one request', async () => {
    await keepKeySet(FRESH_SECONDS);
    await attack(mintKnownToken);
    const { answers } = await startToAsk('key-1', 5);
    await attack(mintKnownToken);

    await advance(STALE_WAIT_SECONDS);

    expect(await answers).toEqual(Array.from({ length: 5 }, () => ACCEPTED));
    await attack(mintKnownToken);
    expect(fetches).toHaveLength(2);
  });

  it('strangers who reset their connections make a rotation take no longer than two searches and the pause between them, and no honest caller gets 401', async () => {
    await keepKeySet(FRESH_SECONDS / 10);
    await attack(mintUnknownToken);
    const search = await fetchNumber(2);
    await advance(0.1);
    const { answers } = await startToAsk('key-2');
    await attack(mintUnknownToken);

    const { timers } = await readState();
    publish(search, 'key-1');
    await waitUntil(async () => expect((await readState()).timers).toBe(timers + 1));
    await attack(mintUnknownToken);
    await advance(SEARCH_PAUSE_SECONDS);
    const secondSearch = await fetchNumber(3);
    await attack(mintUnknownToken);
    publish(secondSearch, 'key-1', 'key-2');

    expect(await answers).toEqual([ACCEPTED]);
    expect(fetches).toHaveLength(3);
  });

  it('strangers who reset their connections change nothing in an outage: the kept key set serves, and the issuer gets one request in five seconds', async () => {
    await keepKeySet(FRESH_SECONDS);
    await attack(mintKnownToken);
    const { answers } = await startToAsk('key-1');
    await attack(mintKnownToken);

    fail(await fetchNumber(2));

    expect(await answers).toEqual([ACCEPTED]);
    await attack(mintKnownToken);
    await advance(4.9);
    expect(await ask('key-1')).toEqual(ACCEPTED);
    expect(fetches).toHaveLength(2);
    await advance(0.1);
    expect(await ask('key-1')).toEqual(ACCEPTED);
    await fetchNumber(3);
  });

  it('strangers who reset their connections change nothing in an outage without a key set: 503 with Retry-After, after one request', async () => {
    await attack(mintKnownToken);
    const { answers } = await startToAsk('key-1');
    await attack(mintKnownToken);

    fail(await fetchNumber(1));

    expect(await answers).toEqual([UNAVAILABLE]);
    await attack(mintKnownToken);
    expect(fetches).toHaveLength(1);
  });

  it('each stranger who resets the connection leaves one log line', async () => {
    await attack(mintKnownToken);
    const { answers } = await startToAsk('key-1');
    publish(await fetchNumber(1), 'key-1');
    await answers;
    await waitUntil(() => expect(isolate.logLines()).toHaveLength(STRANGERS + 1));

    const lines = isolate.logLines();

    expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(STRANGERS + 1);
    expect(lines.slice(0, STRANGERS)).toEqual(
      Array.from({ length: STRANGERS }, () => ({
        request_id: expect.any(String),
        method: 'PUT',
        operation: 'updateEvaluation',
        refusal: 'disconnected',
        duration_ms: expect.any(Number),
      })),
    );
    expect(lines.at(-1)).toMatchObject({ method: 'GET', refusal: 'malformed', status: 400 });
  });
});

describe('one stranger', () => {
  it('a stranger who starts a refresh and resets the connection leaves the fetched key set to later callers', async () => {
    await attack(mintKnownToken, 1);
    publish(await fetchNumber(1), 'key-1');

    expect(await ask('key-1')).toEqual(ACCEPTED);
    expect(fetches).toHaveLength(1);
  });

  it('a stranger who starts a refresh and resets the connection costs a later caller three seconds at most, although the issuer sends its answer byte by byte', async () => {
    await attack(mintKnownToken, 1);
    const trickling = await fetchNumber(1);
    trickling?.write(' ');
    const { answers } = await startToAsk('key-1');
    trickling?.write(' ');

    await advance(ISSUER_TIMEOUT_SECONDS);

    expect(await answers).toEqual([UNAVAILABLE]);
    expect(fetches).toHaveLength(1);
  });
});

it('fifty requests to an isolate without a key set make one fetch', async () => {
  const { answers } = await startToAsk('key-1', 50);

  publish(await fetchNumber(1), 'key-1');

  expect(await answers).toEqual(Array.from({ length: 50 }, () => ACCEPTED));
  expect(fetches).toHaveLength(1);
});
