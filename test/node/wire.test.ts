/**
 * Tests over real connections how the built Worker fetches a key set and reads the raw bytes of a
 * header.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestHarness } from 'wrangler';

/** The time limit for a response. A backtracking regular expression would take twice as long. */
const RESPONSE_MAX_MS = 1000;
/**
 * The number of requests that a test sends. Only the fastest must meet the limit, because a busy
 * machine delays responses.
 */
const ATTEMPTS = 5;

let issuer: Server;
let key: CryptoKey;
let server: ReturnType<typeof createTestHarness>;
let url: URL;
let keySetRequests = 0;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  key = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'key-1' };
  issuer = createServer((_, response) => {
    keySetRequests += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const address = issuer.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const vars = {
    JWT_JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'run-evaluation',
  };
  server = createTestHarness({
    workers: [{ configPath: 'wrangler.toml', vars, secrets: { JWT_SECRET: '' } }],
  });
  ({ url } = await server.listen());
});

afterAll(async () => {
  await server.close();
  issuer.close();
});

const mintTokenFor = (kid: string, claims = {}) =>
  new SignJWT({ account_id: 'acc_a', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('user-1')
    .setIssuer('https://issuer.example')
    .setAudience('run-evaluation')
    .setExpirationTime('5m')
    .sign(key);

/**
 * Sends a token to a path with malformed ids. Returns 401 if the Worker refuses the token, and
 * otherwise 400.
 */
async function sendWithKey(kid: string, claims = {}): Promise<number> {
  const token = await mintTokenFor(kid, claims);
  const response = await server.fetch('/v1/run/x/evaluation/y', {
    headers: { authorization: `Bearer ${token}` },
  });
  await response.text();
  return response.status;
}

it('the Worker fetches the key set of a real issuer once for ten concurrent requests', async () => {
  const statuses = await Promise.all(Array.from({ length: 10 }, () => sendWithKey('key-1')));

  expect(statuses).toEqual(Array.from({ length: 10 }, () => 400));
  expect(keySetRequests).toBe(1);
  expect(await sendWithKey('key-2')).toBe(401);
});

it('the Worker accepts a token of nearly 16 KiB, and refuses a longer one', async () => {
  expect(await sendWithKey('key-1', { pad: 'x'.repeat(11_800) })).toBe(400);
  expect(await sendWithKey('key-1', { pad: 'x'.repeat(12_300) })).toBe(401);
});

/**
 * Sends a PUT with exactly these bytes in the Authorization header. `more` contains other header
 * lines.
 */
async function sendRaw(
  authorization: Buffer,
  path = '/v1/run/x/evaluation/y',
  more = '',
): Promise<{ line: string; milliseconds: number }> {
  const socket = connect(Number(url.port), url.hostname);
  const started = performance.now();
  const head = `PUT ${path} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\nContent-Length: 0\r\n${more}Authorization: `;
  socket.write(Buffer.concat([Buffer.from(head), authorization, Buffer.from('\r\n\r\n')]));
  const [chunk] = await once(socket, 'data');
  socket.destroy();
  const milliseconds = performance.now() - started;
  return { line: String(chunk).split('\r\n')[0] ?? '', milliseconds };
}

it.each([
  ['a letter', 'x'],
  ['a line separator', '\u2028x'],
  ['as many dots', '.'.repeat(60_000)],
])('the Worker refuses a header of 60,000 spaces and %s in linear time', async (_, end) => {
  const header = Buffer.from(`Bearer${' '.repeat(60_000)}${end}`);

  const times: number[] = [];
  while (times.length < ATTEMPTS) {
    const { line, milliseconds } = await sendRaw(header);
    expect(line).toBe('HTTP/1.1 401 Unauthorized');
    times.push(milliseconds);
  }

  expect(Math.min(...times)).toBeLessThan(RESPONSE_MAX_MS);
});

it('an empty If-Match never reaches the Worker, so the request counts as one without If-Match', async () => {
  const bearer = Buffer.from(`Bearer ${await mintTokenFor('key-1')}`);
  const path = `/v1/run/${crypto.randomUUID()}/evaluation/${crypto.randomUUID()}`;
  const readError = async (ifMatch: string) => {
    const response = await fetch(new URL(path, url), {
      method: 'PUT',
      headers: { authorization: String(bearer), 'if-match': ifMatch },
    });
    const { error }: { error?: string } = JSON.parse(await response.text());
    return error;
  };
  const [empty, none] = [await sendRaw(bearer, path, 'If-Match:\r\n'), await sendRaw(bearer, path)];

  expect(await readError('x')).toMatch(/^If-Match must be/);
  expect(await readError('')).toMatch(/^The body must be/);
  expect([empty.line, none.line]).toEqual(Array(2).fill('HTTP/1.1 400 Bad Request'));
});
