/** Tests the log line of a refused token. The line never contains the token. */
import { describe, expect, it, vi } from 'vitest';
import { makeKeyPair } from './support/signer.ts';
import { createWorkerWithKeys, ISSUER, makeScopedClaims, pair } from './support/tokens.ts';
import { mintToken, putValue, storeEvaluation, worker } from './support/worker.ts';

describe('the log of a refused token', () => {
  it('logs at most 128 characters of a key id', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');

    await worker(await putValue(row, 9, await mintToken({}, { kid: 'k'.repeat(500) })));
    await worker(await putValue(row, 9, await mintToken({ exp: 1 }, { kid: 'k'.repeat(500) })));

    for (const line of logged.mock.calls.flat())
      expect(JSON.parse(String(line)).key_id).toBe('k'.repeat(128));
  });

  it.each<[string, Record<string, unknown>, object]>([
    [
      'a slash too many',
      { iss: `${ISSUER}/` },
      { claim: 'iss', expected: ISSUER, actual: `${ISSUER}/` },
    ],
    ['no issuer', { iss: undefined }, { claim: 'iss', expected: ISSUER, actual: 'absent' }],
    [
      'other audiences',
      { aud: ['one', 7, { two: 2 }, ['three']] },
      {
        claim: 'aud',
        expected: 'run-evaluation another-api',
        actual: '[one, a number, an object of 1, a list of 1]',
      },
    ],
    [
      'no audience in it',
      { aud: [] },
      { claim: 'aud', expected: 'run-evaluation another-api', actual: '[]' },
    ],
    [
      'another client',
      { azp: 'another' },
      { claim: 'azp', expected: 'web-app batch-job', actual: 'another' },
    ],
    [
      'no client',
      { azp: undefined },
      { claim: 'azp', expected: 'web-app batch-job', actual: 'absent' },
    ],
    [
      'an account of another kind',
      { account_id: { a: 1, b: 2 } },
      { claim: 'account_id', expected: 'a non-empty string', actual: 'an object of 2' },
    ],
    [
      'a blank account',
      { account_id: ' ' },
      { claim: 'account_id', expected: 'a non-empty string', actual: 'a blank string' },
    ],
    [
      'no sub',
      { sub: undefined },
      { claim: 'sub', expected: 'a non-empty string', actual: 'absent' },
    ],
    [
      'a run that is none',
      { run_id: 'all' },
      { claim: 'run_id', expected: 'a UUID', actual: 'a string' },
    ],
    [
      'an ID token',
      { token_use: 'id' },
      { code: 'claim', claim: 'token_use', expected: 'access', actual: 'id' },
    ],
    [
      'an ID token of Keycloak',
      { typ: 'ID' },
      { claim: 'typ', expected: 'that of an access token', actual: 'ID' },
    ],
    [
      'an ID token by its nonce',
      { nonce: 'n-0S6' },
      { claim: 'nonce', expected: 'absent', actual: 'n-0S6' },
    ],
    [
      'text that would break the line',
      { iss: 'a\n{"status":200}\u2028\ud800"' },
      { claim: 'iss', expected: ISSUER, actual: 'a\\u000a{"status":200}\\u2028\\ud800"' },
    ],
    [
      'a long text',
      { iss: 'x'.repeat(4_000) },
      { claim: 'iss', expected: ISSUER, actual: 'x'.repeat(200) },
    ],
    [
      'a text as long with escapes',
      { iss: '\n'.repeat(2_000) },
      { claim: 'iss', actual: '\\u000a'.repeat(34).slice(0, 200) },
    ],
  ])(
    'logs which claim was expected to be what, and its actual content: %s',
    async (_, changed, expected) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'log');
      const send = createWorkerWithKeys([pair.jwk], {
        JWT_AUDIENCE: 'run-evaluation another-api',
        JWT_CLIENT_CLAIM: 'azp',
        JWT_CLIENTS: 'web-app batch-job',
      });
      const token = await pair.sign(makeScopedClaims({ azp: 'web-app', ...changed }));

      expect((await send(await putValue(row, 9, token))).status).toBe(401);

      const line = String(logged.mock.calls.flat().at(-1));
      expect(JSON.parse(line)).toMatchObject({
        status: 401,
        refusal: 'invalid_token',
        key_id: 'key-1',
        ...expected,
      });
      expect(line).toMatch(/^[\x20-\x7e]+$/);
      for (const part of token.split('.')) expect(line).not.toContain(part);
    },
  );

  it("logs jose's code and the key id, and never the token", async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');
    const token = await mintToken({ exp: 1 }, { kid: 'key-9' });

    await worker(await putValue(row, 9, token));

    const line = String(logged.mock.calls.flat().at(-1));
    expect(JSON.parse(line)).toMatchObject({
      status: 401,
      refusal: 'invalid_token',
      code: 'ERR_JWT_EXPIRED',
      key_id: 'key-9',
    });
    for (const part of token.split('.')) expect(line).not.toContain(part);
  });
});

describe('the log of a token whose key is not found', () => {
  it.each([
    ['key_unknown', { kid: 'another' }],
    ['key_ambiguous', {}],
  ])('logs why the key is not found: %s', async (code, header) => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');
    const other = await makeKeyPair('ES256', 'key-2');

    await createWorkerWithKeys([pair.jwk, other.jwk])(
      await putValue(row, 9, await pair.sign(makeScopedClaims(), { kid: undefined, ...header })),
    );

    expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({
      refusal: 'invalid_token',
      code,
    });
  });
});
