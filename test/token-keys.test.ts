/**
 * Tests JWT_JWKS, the setting with a fixed key set. The key id and the algorithm of a token choose
 * the key that verifies it.
 */
import { describe, expect, it } from 'vitest';
import { invalidToken } from './support/answers.ts';
import { type Algorithm, keyPair } from './support/signer.ts';
import { pair, SIGNATURE, scoped, UNKNOWN_KEY, workerWithKeys } from './support/tokens.ts';
import { expectRefusedUpdate, putValue, storeEvaluation } from './support/worker.ts';

describe('JWT_JWKS', () => {
  it.each<Algorithm>([
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA',
    'Ed25519',
  ])(
    'verifies %s, also with a key that names no algorithm, and refuses a forged signature',
    async (alg) => {
      const row = await storeEvaluation();
      const signer = await keyPair(alg, 'key-a');
      const forger = await keyPair(alg, 'key-a', { owner: 'a forger' });
      const send = workerWithKeys([
        pair.jwk,
        { ...signer.jwk, alg, use: 'sig', key_ops: ['verify'] },
      ]);
      const token = await signer.sign(scoped());
      const forged = await putValue(row, 9, await forger.sign(scoped()));

      await expectRefusedUpdate(row, forged, invalidToken(SIGNATURE), send);
      expect((await send(await putValue(row, 9, token))).status).toBe(200);
      expect((await workerWithKeys([signer.jwk])(await putValue(row, 9, token))).status).toBe(200);
    },
  );

  it('verifies with two keys side by side, and refuses a token of the key that is removed', async () => {
    const row = await storeEvaluation();
    const next = await keyPair('ES256', 'key-2');

    const both = workerWithKeys([pair.jwk, next.jwk]);

    for (const signer of [pair, next])
      expect((await both(await putValue(row, 1, await signer.sign(scoped())))).status).toBe(200);
    const old = await putValue(row, 3, await pair.sign(scoped()));
    await expectRefusedUpdate(row, old, invalidToken(UNKNOWN_KEY), workerWithKeys([next.jwk]));
  });

  it('accepts a token without a key id if one key fits, and refuses it if several do', async () => {
    const row = await storeEvaluation();
    const token = await pair.sign(scoped(), { kid: undefined });
    const other = await keyPair('RS256', 'key-2');
    const twin = await keyPair('ES256', 'key-3');

    expect(
      (await workerWithKeys([pair.jwk, other.jwk])(await putValue(row, 9, token))).status,
    ).toBe(200);
    await expectRefusedUpdate(
      row,
      await putValue(row, 8, token),
      invalidToken('The token names no key id, and more than one key fits it.'),
      workerWithKeys([pair.jwk, twin.jwk]),
    );
  });

  it('verifies with each of two keys that have one kid, if no algorithm fits both', async () => {
    const row = await storeEvaluation();
    const rsa = await keyPair('RS256', 'key-1');
    const pss = await keyPair('PS256', 'key-1', { owner: 'the issuer for PS256' });
    const keys = [pair.jwk, { ...rsa.jwk, alg: 'RS256' }, { ...pss.jwk, alg: 'PS256' }];
    const send = workerWithKeys(keys);

    for (const { sign } of [pair, rsa, pss])
      expect((await send(await putValue(row, 9, await sign(scoped())))).status).toBe(200);
  });

  it('never verifies a token that names a kid with a key that has none', async () => {
    const row = await storeEvaluation();
    const nameless = workerWithKeys([{ ...pair.jwk, kid: undefined }]);

    const sent = await putValue(row, 8, await pair.sign(scoped()));
    await expectRefusedUpdate(row, sent, invalidToken(UNKNOWN_KEY), nameless);
  });

  it.each([
    ['another algorithm', { alg: 'ES384' }],
    ['encryption', { use: 'enc' }],
    ['signing only', { key_ops: ['sign'] }],
  ])('never uses a key meant for %s', async (_, member) => {
    const row = await storeEvaluation();
    const rsa = await keyPair('RS256', 'key-2');

    const send = workerWithKeys([rsa.jwk, { ...pair.jwk, ...member }]);

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await pair.sign(scoped())),
      invalidToken(UNKNOWN_KEY),
      send,
    );
  });
});
