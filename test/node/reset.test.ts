/**
 * Strangers who reset their connections while the key set is being fetched: an honest caller's answer is right and
 * comes in time, and the issuer is asked as often as in peace. In workerd itself, over a real wire.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleWorker, type Isolate } from './workerd.ts';

/** How long the issuer takes for an answer. */
const ISSUER_MS = 500;
/** When a stranger resets its connection. */
const RESET_MS = 40;
/** On a machine that is busy with other things. */
const SLACK_MS = 1500;

const keys = new Map<string, { key: CryptoKey; jwk: object }>();
let worker: ReturnType<typeof bundleWorker>;
beforeAll(async () => {
  for (const kid of ['key-1', 'key-2']) {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    keys.set(kid, { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid } });
  }
  worker = bundleWorker();
});
afterAll(() => worker.remove());

let issuer: Server;
let fetches: number;
let answer: (response: ServerResponse) => void;
let isolate: Isolate;

const keySet =
  (...kids: string[]) =>
  (response: ServerResponse) =>
    void pause(ISSUER_MS).then(() =>
      response.end(JSON.stringify({ keys: kids.map((kid) => keys.get(kid)?.jwk) })),
    );

beforeEach(async () => {
  fetches = 0;
  answer = keySet('key-1');
  issuer = createServer((_, response) => {
    fetches += 1;
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const address = issuer.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  isolate = await worker.start({
    JWT_JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'run-evaluation',
  });
});
afterEach(async () => {
  await isolate.stop();
  issuer.closeAllConnections();
  issuer.close();
});

const tokenOf = (kid: string) =>
  new SignJWT({ account_id: 'acc_a' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('user-1')
    .setIssuer('https://issuer.example')
    .setAudience('run-evaluation')
    .setExpirationTime('2h')
    .sign(keys.get(kid)?.key ?? new Uint8Array());

const forged = (kid: string) =>
  [{ alg: 'ES256', kid }, { sub: 'x' }, 'x'.repeat(48)]
    .map((part) =>
      Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'),
    )
    .join('.');

/** Past authentication the path is refused: so 400 says that the token was good. */
async function ask(kid: string) {
  const headers = { authorization: `Bearer ${await tokenOf(kid)}` };
  const started = performance.now();
  const response = await fetch(`http://127.0.0.1:${isolate.port}/v1/run/x/evaluation/y`, {
    headers,
  });
  await response.text();
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    ms: performance.now() - started,
  };
}

function reset(token: string) {
  const socket = connect(isolate.port, '127.0.0.1', () => {
    socket.write(
      `PUT /v1/run/x/evaluation/y HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
  });
  socket.on('error', () => undefined);
  setTimeout(() => socket.resetAndDestroy(), RESET_MS);
}

/** Twenty strangers a second, each of whom resets its connection while the issuer is being asked. */
async function attack(seconds: number, tokenOf: () => string) {
  for (let n = 0; n < seconds * 20; n += 1) {
    reset(tokenOf());
    await pause(1000 / 20);
  }
}

const advance = async (seconds: number) =>
  (
    await fetch(`http://127.0.0.1:${isolate.port}/test/advance?seconds=${seconds}`, {
      method: 'POST',
    })
  ).text();

const knownKey = () => forged('key-1');
const unknownKey = () => forged(crypto.randomUUID());

describe('strangers who reset twenty connections a second', () => {
  it('keep nobody from an isolate that has no key set yet: one fetch, and its time', async () => {
    const attacked = attack(2, knownKey);
    await pause(RESET_MS * 2);

    const { status, ms } = await ask('key-1');

    expect(status).toBe(400);
    expect(ms).toBeLessThan(ISSUER_MS + SLACK_MS);
    await attacked;
    expect(fetches).toBe(1);
  });

  it('keep nobody waiting at the expiry of a set: a second at most, and one fetch', async () => {
    await ask('key-1');
    await advance(600);
    answer = (response) => void pause(2500).then(() => keySet('key-1')(response));
    const attacked = attack(2, knownKey);
    await pause(RESET_MS * 2);

    const answers = await Promise.all(Array.from({ length: 5 }, () => ask('key-1')));

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
    for (const { ms } of answers) expect(ms).toBeLessThan(1000 + SLACK_MS);
    await attacked;
    expect(fetches).toBe(2);
  });

  it('do not make a rotation slower than two searches and the pause between them, and no answer is 401', async () => {
    await ask('key-1');
    await advance(60);
    const attacked = attack(4, unknownKey);
    await pause(RESET_MS * 2);
    answer = keySet('key-1', 'key-2');

    const { status, ms } = await ask('key-2');

    expect(status).toBe(400);
    expect(ms).toBeLessThan(ISSUER_MS + 2000 + ISSUER_MS + SLACK_MS);
    await attacked;
    expect(fetches).toBeLessThanOrEqual(1 + Math.ceil(4 / 2.5));
  });

  it('change nothing in an outage: a kept set serves, the issuer is asked once in five seconds', async () => {
    await ask('key-1');
    await advance(600);
    answer = (response) => void pause(ISSUER_MS).then(() => response.writeHead(500).end());
    const attacked = attack(2, knownKey);
    await pause(RESET_MS * 2);

    const [first, second] = [await ask('key-1'), await ask('key-1')];

    expect([first.status, second.status]).toEqual([400, 400]);
    expect(first.ms).toBeLessThan(1000 + SLACK_MS);
    await attacked;
    expect(fetches).toBe(2);
  });

  it('change nothing in an outage without a set either: 503 with Retry-After, and one fetch', async () => {
    answer = (response) => void pause(ISSUER_MS).then(() => response.writeHead(500).end());
    const attacked = attack(2, knownKey);
    await pause(RESET_MS * 2);

    const { status, retryAfter, ms } = await ask('key-1');

    expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '5' });
    expect(ms).toBeLessThan(ISSUER_MS + SLACK_MS);
    await attacked;
    expect(fetches).toBe(1);
  });

  it('leave a log line each, and one only', async () => {
    answer = (response) => void pause(2000).then(() => keySet('key-1')(response));
    await attack(1, knownKey);
    await ask('key-1');

    const lines = isolate.logLines();

    // On a busy machine a connection may be reset before workerd has read a request from it.
    const ids = new Set(lines.map(({ request_id }) => request_id));
    expect(ids.size).toBe(lines.length);
    expect(lines.length).toBeGreaterThan(11);
    expect(lines.length).toBeLessThanOrEqual(21);
    expect(lines.map(({ refusal }) => refusal)).toEqual([
      ...lines.slice(1).map(() => 'disconnected'),
      'malformed',
    ]);
    expect(lines[0]).toEqual({
      request_id: expect.any(String),
      method: 'PUT',
      operation: 'updateEvaluation',
      refusal: 'disconnected',
      duration_ms: expect.any(Number),
    });
  });
});

describe('a stranger who begins the refresh and resets its connection', () => {
  it('leaves the set to those who come later', async () => {
    reset(knownKey());
    await pause(RESET_MS + ISSUER_MS * 2);

    const { status, ms } = await ask('key-1');

    expect(status).toBe(400);
    expect(ms).toBeLessThan(ISSUER_MS);
    expect(fetches).toBe(1);
  });

  it('takes nobody along where the issuer sends its answer byte by byte: 503 once its three seconds are over', async () => {
    answer = (response) => {
      const timer = setInterval(() => response.write(' '), 100);
      response.on('close', () => clearInterval(timer));
    };
    reset(knownKey());
    await pause(RESET_MS * 2);

    const { status, retryAfter, ms } = await ask('key-1');

    expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '5' });
    expect(ms).toBeLessThan(3000 + SLACK_MS);
    expect(fetches).toBe(1);
  });
});

it('fifty cold requests make one fetch', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask('key-1')));

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
  expect(fetches).toBe(1);
});
