/** Whose token it is: what verifies, what does not, and what the caller is told. */
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { countingD1 } from './d1';
import { SECRET } from './secret';
import {
  ACCOUNT,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  pathOf,
  putValue,
  readEvaluation,
  request,
  seconds,
  storeEvaluation,
  worker,
  workerWith,
} from './worker';

const noCredentials = {
  status: 401,
  error: 'Send the header Authorization: Bearer <JWT>.',
  headers: { 'www-authenticate': 'Bearer' },
};

const invalidToken = (error: string) => ({
  status: 401,
  error,
  headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${error}"` },
});

const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';
const now = () => seconds(new Date());

describe('no credentials', () => {
  it.each([null, '', 'Basic dXNlcjpwYXNz', 'Bearertoken', 'Token abc', 'DPoP abc'])(
    'answers the bare challenge to the Authorization header %s',
    async (authorization) => {
      const row = await storeEvaluation();

      const sent = await request(pathOf(row), { body: '{"value":9}', headers: { authorization } });

      await expectRefusedUpdate(row, sent, noCredentials);
    },
  );

  it('does not take a token from the query string', async () => {
    const row = await storeEvaluation();
    const path = `${pathOf(row)}?access_token=${await mintToken()}`;

    await expectRefusedUpdate(
      row,
      await request(path, { body: '{"value":9}', headers: { authorization: null } }),
      noCredentials,
    );
  });

  it('parses nothing and asks nothing of D1 for a stranger', async () => {
    const { db, calls } = countingD1(env.DB);
    let pulled = false;
    const body = new ReadableStream(
      {
        pull: () => {
          pulled = true;
        },
      },
      { highWaterMark: 0 },
    );

    const path = '/v1/run/not-a-uuid/evaluation/neither';
    const sent = await request(path, { body, headers: { authorization: null, 'content-type': 'text/plain' } });

    await expectRefusal(await workerWith({ DB: db })(sent), noCredentials);
    expect(pulled).toBe(false);
    expect(calls).toEqual([]);
  });
});

describe('a scheme in any case', () => {
  it.each(['bearer', 'BEARER', 'Bearer '])('accepts "%s"', async (scheme) => {
    const row = await storeEvaluation();
    const headers = { authorization: `${scheme} ${await mintToken()}` };

    expect((await worker(await request(pathOf(row), { body: '{"value":9}', headers }))).status).toBe(200);
  });
});

describe('credentials that are not one compact JWS', () => {
  it.each<[string, (token: string) => string]>([
    ['nothing after the scheme', () => ''],
    ['two tokens', (token) => `${token} ${token}`],
    ['two tokens with a comma', (token) => `${token}, Bearer ${token}`],
    ['base64 padding', (token) => `${token}=`],
    ['white space inside', (token) => token.replace('.', '. ')],
    ['a tab before it', (token) => `\t${token}`],
    ['two parts', (token) => token.split('.').slice(0, 2).join('.')],
    ['an empty signature', (token) => `${token.split('.').slice(0, 2).join('.')}.`],
    ['five parts', (token) => `${token}.a.b`],
    ['quotes', (token) => `"${token}"`],
    ['plain text', () => 'secret'],
    ['parts that are not JSON', () => 'a.b.c'],
    ['16 KiB', (token) => `${token}${'A'.repeat(16 * 1024)}`],
  ])('refuses %s', async (_, spoil) => {
    const row = await storeEvaluation();
    const headers = { authorization: `Bearer ${spoil(await mintToken())}` };

    await expectRefusedUpdate(
      row,
      await request(pathOf(row), { body: '{"value":9}', headers }),
      invalidToken(NOT_A_JWT),
    );
  });
});

describe('claims', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['expired', { exp: now() - 60 }, 'The token has expired.'],
    ['not yet valid', { nbf: now() + 60 }, 'The token is not valid yet.'],
    ['without exp', { exp: undefined }, 'The token lacks the claim exp.'],
    ['with an exp that is a string', { exp: String(now() + 60) }, "The token's claim exp is not of the right type."],
    ['without sub', { sub: undefined }, "The token's claim sub must be a non-empty string."],
    ['with an empty sub', { sub: '' }, "The token's claim sub must be a non-empty string."],
    ['with a blank sub', { sub: ' \t' }, "The token's claim sub must be a non-empty string."],
    ['with a sub that is a number', { sub: 7 }, "The token's claim sub must be a non-empty string."],
    ['without an account', { account_id: undefined }, "The token's claim account_id must be a non-empty string."],
    ['with an empty account', { account_id: '' }, "The token's claim account_id must be a non-empty string."],
    ['with a blank account', { account_id: '  ' }, "The token's claim account_id must be a non-empty string."],
    ['with a list of accounts', { account_id: [ACCOUNT] }, "The token's claim account_id must be a non-empty string."],
  ])('refuses a token %s', async (_, claims, error) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await putValue(row, 9, await mintToken(claims)), invalidToken(error));
  });

  it('takes the account from the claim that JWT_ACCOUNT_CLAIM names, and from no other', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_ACCOUNT_CLAIM: 'https://example.com/account' });

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken()),
      invalidToken("The token's claim https://example.com/account must be a non-empty string."),
      send,
    );
    const token = await mintToken({ account_id: 'acc_other', 'https://example.com/account': ACCOUNT });
    expect((await send(await putValue(row, 9, token))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9, account_id: ACCOUNT });
  });

  it('does not take an inherited property for a claim', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_ACCOUNT_CLAIM: 'constructor' });

    await expectRefusedUpdate(
      row,
      await putValue(row, 9),
      invalidToken("The token's claim constructor must be a non-empty string."),
      send,
    );
  });

  it('takes the author from the token, never from the body', async () => {
    const row = await storeEvaluation();
    const body = JSON.stringify({
      value: 9,
      sub: 'mallory',
      updated_by: 'mallory',
      updated_at: '1999-01-01T00:00:00.000Z',
    });

    await worker(await request(pathOf(row), { body }));

    expect(await readEvaluation(row.id)).toMatchObject({
      updated_by: 'user-123',
      updated_at: expect.stringMatching(/^20[2-9]/),
    });
  });
});

describe('JWT_ISSUER and JWT_AUDIENCE', () => {
  const send = workerWith({ JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'run-evaluation' });
  const right = { iss: 'https://issuer.example', aud: 'run-evaluation' };

  it.each<[string, Record<string, unknown>, string]>([
    ['no issuer', { ...right, iss: undefined }, 'The token lacks the claim iss.'],
    ['another issuer', { ...right, iss: 'https://issuer.example/' }, 'The token comes from another issuer.'],
    ['no audience', { ...right, aud: undefined }, 'The token lacks the claim aud.'],
    ['another audience', { ...right, aud: 'another-api' }, 'The token is meant for another audience.'],
    ['an empty audience', { ...right, aud: '' }, 'The token is meant for another audience.'],
    ['an empty list of audiences', { ...right, aud: [] }, 'The token is meant for another audience.'],
  ])('are checked when set: refuses %s', async (_, claims, error) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await putValue(row, 9, await mintToken(claims)), invalidToken(error), send);
  });

  it('are checked when set: accepts the right ones, one audience of several too', async () => {
    const row = await storeEvaluation();

    expect((await send(await putValue(row, 8, await mintToken(right)))).status).toBe(200);
    expect((await send(await putValue(row, 9, await mintToken({ ...right, aud: ['a', right.aud] })))).status).toBe(200);
  });

  it('are not checked when not set, or blank', async () => {
    const row = await storeEvaluation();
    const token = await mintToken({ iss: 'anyone', aud: 'anything' });

    expect((await workerWith({ JWT_ISSUER: '', JWT_AUDIENCE: ' ' })(await putValue(row, 9, token))).status).toBe(200);
  });
});

describe('a configuration fault', () => {
  const OUR_FAULT = {
    status: 500,
    error:
      'The server failed to process the request; this is not your fault. Quote the x-request-id when you report it.',
  };
  const short = 'x'.repeat(31);

  it.each<[string, string | undefined]>([
    ['is missing', undefined],
    ['is empty', ''],
    ['is one byte short', short],
  ])('lets no one in when JWT_SECRET %s, and the log says how to mend it', async (_, secret) => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const send = workerWith({ JWT_SECRET: secret } as Partial<Env>);

    await expectRefusedUpdate(row, await putValue(row, 9, await mintToken({}, secret || SECRET)), OUR_FAULT, send);
    await expectRefusedUpdate(row, await request(pathOf(row), { headers: { authorization: null } }), OUR_FAULT, send);

    const lines = logged.mock.calls.flat().join('\n');
    expect(lines).toContain('JWT_SECRET');
    expect(lines).toContain('wrangler secret put JWT_SECRET');
    expect(lines).not.toContain(short);
  });
});
