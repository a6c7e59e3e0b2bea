/** The built Worker and an issuer that really listens: what stand-ins for fetch and time cannot show. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestHarness } from 'wrangler';

let issuer: Server;
let key: CryptoKey;
let server: ReturnType<typeof createTestHarness>;
let asked = 0;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  key = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'key-1' };
  issuer = createServer((_, response) => {
    asked += 1;
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
  server = createTestHarness({ workers: [{ configPath: 'wrangler.toml', vars, secrets: { JWT_SECRET: '' } }] });
  await server.listen();
});

afterAll(async () => {
  await server.close();
  issuer.close();
});

/** Past the door the path is refused: so 400 says that the token was good. */
async function ask(kid: string): Promise<number> {
  const token = await new SignJWT({ account_id: 'acc_a' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('user-1')
    .setIssuer('https://issuer.example')
    .setAudience('run-evaluation')
    .setExpirationTime('5m')
    .sign(key);
  const response = await server.fetch('/v1/run/x/evaluation/y', { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  return response.status;
}

it('verifies with the keys of a real issuer, which it asks once for a crowd', async () => {
  const statuses = await Promise.all(Array.from({ length: 10 }, () => ask('key-1')));

  expect(statuses).toEqual(Array.from({ length: 10 }, () => 400));
  expect(asked).toBe(1);
  expect(await ask('key-2')).toBe(401);
});
