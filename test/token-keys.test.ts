/** Tests JWT_JWKS: the Worker picks the issuer's key by the token's key id and algorithm. */
import { describe, expect, it } from 'vitest';
import { makeInvalidToken } from './support/answers.ts';
import { type Algorithm, makeKeyPair } from './support/signer.ts';
import {
  createWorkerWithKeys,
  makeScopedClaims,
  pair,
  SIGNATURE,
  UNKNOWN_KEY,
} from './support/tokens.ts';
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
      const signer = await makeKeyPair(alg, 'key-a');
      const forger = await makeKeyPair(alg, 'key-a', { owner: 'a forger' });
      const send = createWorkerWithKeys([
        pair.jwk,
        { ...signer.jwk, alg, use: 'sig', key_ops: ['verify'] },
      ]);
      const token = await signer.sign(makeScopedClaims());
      const forged = await putValue(row, 9, await forger.sign(makeScopedClaims()));

      await expectRefusedUpdate(row, forged, makeInvalidToken(SIGNATURE), send);
      expect((await send(await putValue(row, 9, token))).status).toBe(200);
      expect((await createWorkerWithKeys([signer.jwk])(await putValue(row, 9, token))).status).toBe(
        200,
      );
    },
  );

  it('verifies with two keys side by side, and refuses a token of the key that is removed', async () => {
    const row = await storeEvaluation();
    const next = await makeKeyPair('ES256', 'key-2');

    const both = createWorkerWithKeys([pair.jwk, next.jwk]);

    for (const signer of [pair, next])
      expect(
        (await both(await putValue(row, 1, await signer.sign(makeScopedClaims())))).status,
      ).toBe(200);
    const old = await putValue(row, 3, await pair.sign(makeScopedClaims()));
    await expectRefusedUpdate(
      row,
      old,
      makeInvalidToken(UNKNOWN_KEY),
      createWorkerWithKeys([next.jwk]),
    );
  });

  it('accepts a token without a key id if one key fits, and refuses it if several do', async () => {
    const row = await storeEvaluation();
    const token = await pair.sign(makeScopedClaims(), { kid: undefined });
    const other = await makeKeyPair('RS256', 'key-2');
    const twin = await makeKeyPair('ES256', 'key-3');

    expect(
      (await createWorkerWithKeys([pair.jwk, other.jwk])(await putValue(row, 9, token))).status,
    ).toBe(200);
    await expectRefusedUpdate(
      row,
      await putValue(row, 8, token),
      makeInvalidToken('The token names no key id, and more than one key fits it.'),
      createWorkerWithKeys([pair.jwk, twin.jwk]),
    );
  });

  it('verifies with each of two keys that have one kid, if no algorithm fits both', async () => {
    const row = await storeEvaluation();
    const rsa = await makeKeyPair('RS256', 'key-1');
    const pss = await makeKeyPair('PS256', 'key-1', { owner: 'the issuer for PS256' });
    const keys = [pair.jwk, { ...rsa.jwk, alg: 'RS256' }, { ...pss.jwk, alg: 'PS256' }];
    const send = createWorkerWithKeys(keys);

    for (const { sign } of [pair, rsa, pss])
      expect((await send(await putValue(row, 9, await sign(makeScopedClaims())))).status).toBe(200);
  });

  it('never verifies a token that names a kid with a key that has none', async () => {
    const row = await storeEvaluation();
    const nameless = createWorkerWithKeys([{ ...pair.jwk, kid: undefined }]);

    const sent = await putValue(row, 8, await pair.sign(makeScopedClaims()));
    await expectRefusedUpdate(row, sent, makeInvalidToken(UNKNOWN_KEY), nameless);
  });

  it.each([
    ['another algorithm', { alg: 'ES384' }],
    ['encryption', { use: 'enc' }],
    ['signing only', { key_ops: ['sign'] }],
  ])('never uses a key meant for %s', async (_, member) => {
    const row = await storeEvaluation();
    const rsa = await makeKeyPair('RS256', 'key-2');

    const send = createWorkerWithKeys([rsa.jwk, { ...pair.jwk, ...member }]);

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await pair.sign(makeScopedClaims())),
      makeInvalidToken(UNKNOWN_KEY),
      send,
    );
  });
});
