/**
 * Tests wrong settings for tokens. The Worker answers 500, and the log never contains a setting's
 * value.
 */
import { describe, expect, it, vi } from 'vitest';
import { INTERNAL_ERROR } from './support/answers.ts';
import { SECRET } from './support/secret.ts';
import { createHmac, exportPrivateJwk, makeKeyPair } from './support/signer.ts';
import { createWorkerWithKeys, ISSUER, makeScopedClaims, pair } from './support/tokens.ts';
import {
  buildPath,
  createWorker,
  expectRefusedUpdate,
  putValue,
  request,
  storeEvaluation,
} from './support/worker.ts';

describe('a wrong setting of tokens', () => {
  const short = 'x'.repeat(31);
  const keySet = { JWT_SECRET: '', JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'run-evaluation' };
  const remote = (JWT_JWKS_URL: string) => ({ ...keySet, JWT_JWKS_URL });
  const inline = (JWT_JWKS: string) => ({ ...keySet, JWT_JWKS });

  it.each<[string, string, Partial<Env>]>([
    ['no source of keys', 'JWT_SECRET', { JWT_SECRET: '' }],
    ['a secret one byte short', 'JWT_SECRET', { JWT_SECRET: short }],
    ['two sources', 'JWT_SECRET', { JWT_JWKS_URL: 'https://issuer.example/keys' }],
    [
      'three sources',
      'JWT_SECRET',
      { JWT_JWKS: '{"keys":[]}', JWT_JWKS_URL: 'https://issuer.example/keys' },
    ],
    ['a key set that is not JSON', 'JWT_JWKS', inline('{')],
    ['a key set that is an array', 'JWT_JWKS', inline('[]')],
    ['a key set without keys', 'JWT_JWKS', inline('{}')],
    ['an empty key set', 'JWT_JWKS', inline('{"keys":[]}')],
    ['a key set of texts', 'JWT_JWKS', inline('{"keys":["key"]}')],
    [
      'a key that cannot be imported',
      'JWT_JWKS',
      inline('{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}'),
    ],
    ['a key without its material', 'JWT_JWKS', inline('{"keys":[{"kty":"RSA"}]}')],
    ['a symmetric key', 'JWT_JWKS', inline('{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}')],
    [
      'only keys for other purposes',
      'JWT_JWKS',
      inline('{"keys":[{"kty":"EC","crv":"secp256k1"}]}'),
    ],
    ['a URL that is none', 'JWT_JWKS_URL', remote('issuer.example/keys')],
    ['a URL over plain http', 'JWT_JWKS_URL', remote('http://issuer.example/keys')],
    [
      'a host that only begins like localhost',
      'JWT_JWKS_URL',
      remote('http://localhost.example/keys'),
    ],
    ['a URL with credentials', 'JWT_JWKS_URL', remote('https://user:pass@issuer.example/keys')],
    ['a URL with a password alone', 'JWT_JWKS_URL', remote('https://:pass@issuer.example/keys')],
    ['origins that are none', 'CORS_ORIGINS', { CORS_ORIGINS: 'https://app.example, app.example' }],
    ['an origin with a path', 'CORS_ORIGINS', { CORS_ORIGINS: 'https://app.example/' }],
    ['a URL of another scheme', 'JWT_JWKS_URL', remote('data:application/json,{"keys":[]}')],
    [
      'a key set without an issuer',
      'JWT_ISSUER',
      { ...remote('https://issuer.example/keys'), JWT_ISSUER: '' },
    ],
    [
      'a key set without an audience',
      'JWT_AUDIENCE',
      { ...remote('https://issuer.example/keys'), JWT_AUDIENCE: ' ' },
    ],
    ['an account claim that breaks a header', 'JWT_ACCOUNT_CLAIM', { JWT_ACCOUNT_CLAIM: 'a"b' }],
    ['a scope with a space', 'JWT_REQUIRED_SCOPE', { JWT_REQUIRED_SCOPE: 'a b' }],
    [
      'several issuers with a secret',
      'JWT_ISSUER',
      { JWT_ISSUER: 'https://a.example https://b.example' },
    ],
    ['a client claim without clients', 'JWT_CLIENTS', { JWT_CLIENT_CLAIM: 'azp' }],
    ['clients without a claim', 'JWT_CLIENT_CLAIM', { JWT_CLIENTS: 'web-app' }],
    [
      'a client claim without clients instead of an audience',
      'JWT_CLIENTS',
      {
        ...remote('https://issuer.example/keys'),
        JWT_AUDIENCE: '',
        JWT_CLIENT_CLAIM: 'azp',
        JWT_CLIENTS: ' ',
      },
    ],
    ['a pointer that is none', 'JWT_ACCOUNT_CLAIM', { JWT_ACCOUNT_CLAIM: '/a~b' }],
    ['a pointer that ends in a tilde', 'JWT_SUBJECT_CLAIM', { JWT_SUBJECT_CLAIM: '/a~' }],
    ['a run claim with a space', 'JWT_RUN_CLAIM', { JWT_RUN_CLAIM: 'a b' }],
    ['a header that is none', 'JWT_HEADER', { JWT_HEADER: 'Cf-Access: Jwt' }],
    ['a place that is none', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'acc_berlin@europe' }],
    ['an empty place', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'acc_berlin@' }],
    ['a place without an account', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: '@eu' }],
    ['an account with an @ in it', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'a@b.example@eu' }],
    ['an account that is encoded wrongly', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'a%zz' }],
    ['an account that is named twice', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'a@eu b %61' }],
    ['all accounts twice', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: '* *@eu' }],
    ['the account shared in an object', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'shared@eu' }],
    ['accounts separated by commas', 'ACCOUNT_OBJECTS', { ACCOUNT_OBJECTS: 'a,b' }],
  ])(
    'answers 500 to everyone because of %s; the log names %s and the command that fixes it',
    async (_, setting, settings) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const fetched = vi.spyOn(globalThis, 'fetch');
      const send = createWorker(settings);

      for (const secret of [SECRET, short]) {
        const token = await (await createHmac(secret)).sign(makeScopedClaims());
        await expectRefusedUpdate(row, await putValue(row, 9, token), INTERNAL_ERROR, send);
      }
      await expectRefusedUpdate(
        row,
        await request(buildPath(row), { headers: { authorization: null } }),
        INTERNAL_ERROR,
        send,
      );

      const { refusal, cause } = JSON.parse(String(logged.mock.calls.flat()[0]));
      expect(refusal).toBe('misconfigured');
      expect(cause).toMatch(new RegExp(`^${setting} .*npx wrangler secret put ${setting}`));
      expect(logged.mock.calls.flat().join()).not.toContain(short);
      expect(fetched).not.toHaveBeenCalled();
    },
  );

  it.each([
    ['is not a JSON Web Key Set', '{'],
    ['is not a JSON Web Key Set: an object is missing', '[]'],
    ['is not a JSON Web Key Set: an object is missing', 'null'],
    ['is not a JSON Web Key Set: an object is missing', '{"keys":["key"]}'],
    ['is not a JSON Web Key Set: it has no array keys', '{}'],
    ['contains no key that could verify a token', '{"keys":[]}'],
    ['contains a private or symmetric key', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'],
    ['contains more than 64 keys', JSON.stringify({ keys: Array(65).fill({}) })],
  ])('logs that JWT_JWKS %s', async (fault, keys) => {
    const logged = vi.spyOn(console, 'error');

    await createWorker(inline(keys))(await putValue(await storeEvaluation(), 9));

    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toContain(
      `JWT_JWKS ${fault}: run`,
    );
  });

  it('logs that an RSA key is too short', async () => {
    const logged = vi.spyOn(console, 'error');
    const { jwk } = await makeKeyPair('RS256', 'key-1', { modulusLength: 1024 });

    await createWorkerWithKeys([jwk])(await putValue(await storeEvaluation(), 9));

    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toContain(
      'JWT_JWKS contains an RSA key under 2048 bits: run',
    );
  });

  it.each<[string, string, () => Promise<object[]>]>([
    [
      'two EC keys',
      'two keys for ES256 with the kid key-1',
      async () => [pair.jwk, (await makeKeyPair('ES256', 'key-1')).jwk],
    ],
    ['one key twice', 'two keys for ES256 with the kid key-1', async () => [pair.jwk, pair.jwk]],
    [
      'an RSA key for any algorithm and one for PS512',
      'two keys for PS512 with the kid a',
      async () => {
        const any = await makeKeyPair('RS256', 'a');
        const one = await makeKeyPair('PS512', 'a', { owner: 'the issuer for PS512' });
        return [pair.jwk, any.jwk, { ...one.jwk, alg: 'PS512' }];
      },
    ],
    [
      'a kid that would break the line',
      `two keys for ES256 with the kid \\u000a${'x'.repeat(194)}:`,
      async () => [1, 2].map(() => ({ ...pair.jwk, kid: `\n${'x'.repeat(500)}` })),
    ],
  ])(
    'answers 500 to everyone because two keys that fit one algorithm have one kid, which the log names: %s',
    async (_, fault, keys) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const send = createWorkerWithKeys(await keys());

      const sent = await putValue(row, 9, await pair.sign(makeScopedClaims()));
      await expectRefusedUpdate(row, sent, INTERNAL_ERROR, send);

      const { refusal, cause } = JSON.parse(String(logged.mock.calls.flat()[0]));
      expect(refusal).toBe('misconfigured');
      expect(cause).toContain(`JWT_JWKS has ${fault}`);
      expect(cause).toContain(': give each key a kid of its own: run `npx wrangler secret put');
    },
  );

  it('answers 500 to everyone because of a symmetric key among good ones', async () => {
    const row = await storeEvaluation();
    const send = createWorkerWithKeys([pair.jwk, { kty: 'oct', kid: 'key-2', k: 'c2VjcmV0' }]);

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await pair.sign(makeScopedClaims())),
      INTERNAL_ERROR,
      send,
    );
  });

  it('logs nothing of a broken key set, which may contain a private key', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const { d } = await exportPrivateJwk();

    await createWorker(inline(`${d}{"keys":[`))(
      await putValue(row, 9, await pair.sign(makeScopedClaims())),
    );

    expect(String(logged.mock.calls.flat())).toContain('JWT_JWKS is not a JSON Web Key Set');
    expect(String(logged.mock.calls.flat())).not.toContain(d?.slice(0, 8));
  });

  it.each(['private', 'small'])(
    'answers 500 to everyone because of a key set with a %s key, and logs nothing of the key',
    async (kind) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const jwk =
        kind === 'private'
          ? await exportPrivateJwk()
          : (await makeKeyPair('RS256', 'key-1', { modulusLength: 1024 })).jwk;

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, await pair.sign(makeScopedClaims())),
        INTERNAL_ERROR,
        createWorkerWithKeys([pair.jwk, jwk]),
      );

      const lines = logged.mock.calls.flat().join();
      expect(lines).toContain('JWT_JWKS');
      expect(lines).not.toContain(jwk.d ?? jwk.n);
    },
  );
});
