/**
 * Tests repeated tokens. An isolate verifies a signature only once, but checks the time and the key
 * id for each request.
 */
import { describe, expect, it, vi } from 'vitest';
import { makeInvalidToken } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { makeKeyPair } from './support/signer.ts';
import {
  claims,
  createWorker,
  expectRefusedUpdate,
  mintToken,
  putValue,
  requirePresent,
  seconds,
  storeEvaluation,
} from './support/worker.ts';

function countVerifications() {
  const verify = vi.spyOn(crypto.subtle, 'verify');
  return () => verify.mock.calls.length;
}

describe('a repeated token', () => {
  it('verifies the signature of a repeated token once', async () => {
    const row = await storeEvaluation();
    const token = await mintToken();
    const send = createWorker({});
    const count = countVerifications();

    for (const value of [7, 8, 9])
      expect((await send(await putValue(row, value, token))).status).toBe(200);

    expect(count()).toBe(1);
  });

  it('refuses a repeated token as soon as it expires, after the tolerance for clocks', async () => {
    const clock = createStillClock();
    const row = await storeEvaluation();
    const token = await mintToken({ exp: seconds(clock.now()) + 60 });
    const send = createWorker({}, clock);

    expect((await send(await putValue(row, 7, token))).status).toBe(200);
    clock.advance(64);
    expect((await send(await putValue(row, 8, token))).status).toBe(200);
    clock.advance(1);
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, token),
      makeInvalidToken('The token has expired.'),
      send,
    );
  });

  it('refuses a repeated token if the clock is set back to before it was valid', async () => {
    const clock = createStillClock();
    const row = await storeEvaluation();
    const token = await mintToken({ nbf: seconds(clock.now()), exp: seconds(clock.now()) + 60 });
    const send = createWorker({}, clock);

    expect((await send(await putValue(row, 7, token))).status).toBe(200);
    clock.advance(-5);
    expect((await send(await putValue(row, 8, token))).status).toBe(200);
    clock.advance(-1);
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, token),
      makeInvalidToken('The token is not valid yet.'),
      send,
    );
  });

  it('refuses a token that differs from a verified one only in its signature', async () => {
    const row = await storeEvaluation();
    const token = await mintToken();
    const [other] = (await mintToken({ sub: 'user-9' })).split('.').slice(2);
    const send = createWorker({});

    expect((await send(await putValue(row, 7, token))).status).toBe(200);

    const forged = `${token.split('.').slice(0, 2).join('.')}.${other}`;
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, forged),
      makeInvalidToken("The token's signature does not verify."),
      send,
    );
  });

  it('never mixes up two tokens: they are two callers', async () => {
    const row = await storeEvaluation();
    const [mine, theirs] = [await mintToken(), await mintToken({ account_id: 'acc_other' })];
    const send = createWorker({});

    for (const _ of [1, 2]) {
      expect((await send(await putValue(row, 7, mine))).status).toBe(200);
      expect((await send(await putValue(row, 8, theirs))).status).toBe(404);
    }
  });

  it('refuses a repeated token once its key id names another key', async () => {
    const clock = createStillClock();
    const [old, next] = [await makeKeyPair('ES256', 'key-1'), await makeKeyPair('ES256', 'key-1')];
    const published = [old, next].map(({ jwk }) => JSON.stringify({ keys: [jwk] }));
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(published.shift()));
    const url = `https://issuer.example/${crypto.randomUUID()}/keys`;
    const settings = {
      JWT_SECRET: '',
      JWT_JWKS_URL: url,
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'api',
    };
    const send = createWorker(settings, clock);
    const row = await storeEvaluation();
    const content = claims({
      iss: 'https://issuer.example',
      aud: 'api',
      exp: seconds(clock.now()) + 3600,
    });
    const token = await old.sign(content);

    expect((await send(await putValue(row, 7, token))).status).toBe(200);
    expect((await send(await putValue(row, 8, token))).status).toBe(200);
    clock.advance(11 * 60);

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, token),
      makeInvalidToken("The token's signature does not verify."),
      send,
    );
    expect((await send(await putValue(row, 9, await next.sign(content)))).status).toBe(200);
  });

  it('refuses a token with more white space before it than a token may be long', async () => {
    const row = await storeEvaluation();
    const padded = `${' '.repeat(16_384)}${await mintToken()}`;

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, padded),
      makeInvalidToken('The token is longer than 16384 characters.'),
    );
  });

  it('forgets a token after 512 others, so that the cache stays small', async () => {
    const row = await storeEvaluation();
    const token = await mintToken();
    const send = createWorker({});
    const get = async (sent: string) =>
      (await send(await putValue({ ...row, id: 'x' }, 1, sent))).status;
    await get(token);
    const others = await Promise.all(
      Array.from({ length: 512 }, (_, n) => mintToken({ jti: String(n) })),
    );
    const count = countVerifications();

    await Promise.all(others.slice(1).map(get));
    await get(token);
    expect(count()).toBe(511);

    await get(requirePresent(others[0]));
    await get(token);
    expect(count()).toBe(513);
  });
});
