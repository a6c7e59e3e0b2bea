/**
 * Tests an attack on the fetch of the issuer's key set. Strangers send forged tokens and reset
 * their connections before the issuer responds. A caller with a valid token must still get the
 * right response.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bundle, bundleWorker, type Isolate } from './workerd.ts';

// The times below are the same as in src/auth/remote-jwks.ts.
const FRESH_SECONDS = 600;
const STALE_WAIT_SECONDS = 1;
const SEARCH_PAUSE_SECONDS = 2;
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
/** The fake issuer's responses, one for each fetch of the key set. A test sends them. */
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
  (await (await send('/test/state')).json()) as Record<'received' | 'timers' | 'polling', number>;

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

/** Sends a request with malformed ids. A 400 shows that the Worker accepted the token. */
async function sendWithValidToken(kid: string) {
  const headers = { authorization: `Bearer ${await mintTokenFor(kid)}` };
  const response = await send('/v1/run/x/evaluation/y', { headers });
  await response.text();
  return { status: response.status, retryAfter: response.headers.get('retry-after') };
}
const ACCEPTED = { status: 400, retryAfter: null };
const UNAVAILABLE = { status: 503, retryAfter: '5' };

/** Sends requests with a valid token, and resolves when all requests wait for the key set. */
async function startWithValidToken(kid: string, count = 1) {
  const { polling } = await readState();
  const answers = Promise.all(Array.from({ length: count }, () => sendWithValidToken(kid)));
  await waitUntil(async () =>
    expect((await readState()).polling).toBeGreaterThanOrEqual(polling + count),
  );
  return { answers };
}

/** Lists the log lines of the strangers. Nobody else sends PUT. */
const listStrangerLines = () => isolate.logLines().filter(({ method }) => method === 'PUT');

/** Sends forged tokens, and resets the connections before the Worker responds. */
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

/** Waits for a fetch of the key set, and returns the response that the test must send. */
async function waitForFetch(number: number) {
  await waitUntil(() => expect(fetches).toHaveLength(number));
  return fetches[number - 1];
}

/** Makes the Worker fetch a key set, and moves the clock forward by `ageSeconds`. */
async function fetchKeySet(ageSeconds: number) {
  onFetch = (response) => publish(response, 'key-1');
  expect(await sendWithValidToken('key-1')).toEqual(ACCEPTED);
  onFetch = isSlow;
  await advance(ageSeconds);
}

describe('a crowd of strangers', () => {
  it('strangers who reset their connections do not stop a caller with a valid token in an isolate without a key set, and the issuer gets one request', async () => {
    await attack(mintKnownToken);
    const { answers } = await startWithValidToken('key-1');
    await attack(mintKnownToken);

    publish(await waitForFetch(1), 'key-1');

    expect(await answers).toEqual([ACCEPTED]);
    await attack(mintKnownToken);
    expect(fetches).toHaveLength(1);
  });

  it('strangers who reset their connections delay no caller by more than a second when the key set is due for a refresh, and the issuer gets one request', async () => {
    await fetchKeySet(FRESH_SECONDS);
    await attack(mintKnownToken);
    const { answers } = await startWithValidToken('key-1', 5);
    await attack(mintKnownToken);

    await advance(STALE_WAIT_SECONDS);

    expect(await answers).toEqual(Array.from({ length: 5 }, () => ACCEPTED));
    await attack(mintKnownToken);
    expect(fetches).toHaveLength(2);
  });

  it('strangers who reset their connections delay a new key by at most two fetches and the pause between them, and no valid token gets 401', async () => {
    await fetchKeySet(FRESH_SECONDS / 10);
    await attack(mintUnknownToken);
    const search = await waitForFetch(2);
    await advance(0.1);
    const { answers } = await startWithValidToken('key-2');
    await attack(mintUnknownToken);

    const { timers } = await readState();
    publish(search, 'key-1');
    await waitUntil(async () => expect((await readState()).timers).toBe(timers + 1));
    await attack(mintUnknownToken);
    await advance(SEARCH_PAUSE_SECONDS);
    const secondSearch = await waitForFetch(3);
    await attack(mintUnknownToken);
    publish(secondSearch, 'key-1', 'key-2');

    expect(await answers).toEqual([ACCEPTED]);
    expect(fetches).toHaveLength(3);
  });

  it('strangers who reset their connections during an outage of the issuer change nothing: the kept key set serves, and the issuer gets one request in five seconds', async () => {
    await fetchKeySet(FRESH_SECONDS);
    await attack(mintKnownToken);
    const { answers } = await startWithValidToken('key-1');
    await attack(mintKnownToken);

    fail(await waitForFetch(2));

    expect(await answers).toEqual([ACCEPTED]);
    await attack(mintKnownToken);
    await advance(4.9);
    expect(await sendWithValidToken('key-1')).toEqual(ACCEPTED);
    expect(fetches).toHaveLength(2);
    await advance(0.1);
    expect(await sendWithValidToken('key-1')).toEqual(ACCEPTED);
    await waitForFetch(3);
  });

  it('strangers who reset their connections during an outage of the issuer change nothing in an isolate without a key set: 503 with Retry-After, after one request', async () => {
    await attack(mintKnownToken);
    const { answers } = await startWithValidToken('key-1');
    await attack(mintKnownToken);

    fail(await waitForFetch(1));

    expect(await answers).toEqual([UNAVAILABLE]);
    await attack(mintKnownToken);
    expect(fetches).toHaveLength(1);
  });

  it('each stranger who resets the connection leaves one log line', async () => {
    await attack(mintKnownToken);
    const { answers } = await startWithValidToken('key-1');
    publish(await waitForFetch(1), 'key-1');
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
    publish(await waitForFetch(1), 'key-1');

    expect(await sendWithValidToken('key-1')).toEqual(ACCEPTED);
    expect(fetches).toHaveLength(1);
  });

  it('a stranger who starts a refresh and resets the connection costs a later caller three seconds at most, although the issuer sends its answer byte by byte', async () => {
    await attack(mintKnownToken, 1);
    const trickling = await waitForFetch(1);
    trickling?.write(' ');
    const { answers } = await startWithValidToken('key-1');
    trickling?.write(' ');

    await advance(ISSUER_TIMEOUT_SECONDS);

    expect(await answers).toEqual([UNAVAILABLE]);
    expect(fetches).toHaveLength(1);
  });
});

it('fifty requests to an isolate without a key set make one fetch', async () => {
  const { answers } = await startWithValidToken('key-1', 50);

  publish(await waitForFetch(1), 'key-1');

  expect(await answers).toEqual(Array.from({ length: 50 }, () => ACCEPTED));
  expect(fetches).toHaveLength(1);
});
