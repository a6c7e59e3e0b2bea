/** Tests JWT_HEADER: the Worker reads the token only from the header that this setting names. */
import { describe, expect, it } from 'vitest';
import { makeInvalidToken, NO_CREDENTIALS } from './support/answers.ts';
import { mintLong, NOT_A_JWT } from './support/tokens.ts';
import {
  buildPath,
  createWorker,
  expectRefusedUpdate,
  mintToken,
  putValue,
  type Row,
  request,
  storeEvaluation,
} from './support/worker.ts';

describe('JWT_HEADER', () => {
  const header = 'Cf-Access-Jwt-Assertion';
  const send = createWorker({ JWT_HEADER: header });
  const none = { ...NO_CREDENTIALS, error: `Send the header ${header}: <JWT>.` };
  const put = async (row: Row, headers: Record<string, string | null>) =>
    request(buildPath(row), { body: '{"value":9}', headers });

  it('reads the token from the header that JWT_HEADER names, and never from Authorization', async () => {
    const row = await storeEvaluation();
    const token = await mintToken();

    await expectRefusedUpdate(row, await put(row, {}), none, send);
    await expectRefusedUpdate(
      row,
      await put(row, { [header]: await mintToken({ exp: 1 }) }),
      makeInvalidToken('The token has expired.'),
      send,
    );
    expect(
      (await send(await put(row, { [header]: token, authorization: 'Bearer nonsense' }))).status,
    ).toBe(200);
  });

  it.each<[string, (token: string) => string]>([
    ['the scheme before the token', (token) => `Bearer ${token}`],
    ['two tokens', (token) => `${token}, ${token}`],
    ['nothing', () => ''],
  ])('refuses the header with %s', async (_, value) => {
    const row = await storeEvaluation();
    const sent = await put(row, { [header]: value(await mintToken()), authorization: null });

    await expectRefusedUpdate(row, sent, makeInvalidToken(NOT_A_JWT), send);
  });

  it('accepts a header of 16,384 characters, and refuses a longer one', async () => {
    const row = await storeEvaluation();
    const [longest, longer] = [await mintLong(16_384), await mintLong(16_385)];

    await expectRefusedUpdate(
      row,
      await put(row, { [header]: longer, authorization: null }),
      makeInvalidToken('The token is longer than 16384 characters.'),
      send,
    );
    const sent = await put(row, { [header]: longest, authorization: null });
    expect((await send(sent)).status).toBe(200);
  });

  it('does not read another header if JWT_HEADER is not set', async () => {
    const row = await storeEvaluation();
    const sent = await put(row, { [header]: await mintToken(), authorization: null });

    await expectRefusedUpdate(row, sent, NO_CREDENTIALS);
  });

  it.each(['Authorization', 'authorization', ' '])(
    'reads Authorization if JWT_HEADER is "%s"',
    async (name) => {
      const row = await storeEvaluation();

      expect((await createWorker({ JWT_HEADER: name })(await putValue(row, 9))).status).toBe(200);
    },
  );
});
