/** Tests the claims of a token, and the settings that name or require claims. */
import { describe, expect, it } from 'vitest';
import { makeInvalidToken, NOT_FOUND } from './support/answers.ts';
import { SECRET } from './support/secret.ts';
import { createHmac } from './support/signer.ts';
import {
  AUDIENCE,
  createWorkerNow,
  createWorkerWithKeys,
  ISSUER,
  makeScopedClaims,
  now,
  pair,
  requireFilled,
} from './support/tokens.ts';
import {
  ACCOUNT,
  buildPath,
  createWorker,
  expectRefusedUpdate,
  mintToken,
  putValue,
  readEvaluation,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

describe('the account and the author of a token', () => {
  it('takes the account from the claim that JWT_ACCOUNT_CLAIM names, and from no other', async () => {
    const row = await storeEvaluation();
    const send = createWorker({ JWT_ACCOUNT_CLAIM: 'https://example.com/account' });

    const refusal = makeInvalidToken(requireFilled('https://example.com/account'));
    await expectRefusedUpdate(row, await putValue(row, 9, await mintToken()), refusal, send);

    const token = await mintToken({
      account_id: 'acc_other',
      'https://example.com/account': ACCOUNT,
    });
    expect((await send(await putValue(row, 9, token))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9, account_id: ACCOUNT });
  });

  it.each([
    'constructor',
    '/constructor/name',
    '/__proto__/constructor/name',
    '/length',
    '/sub/length',
    '/list/length',
  ])(
    'never takes the account from an inherited property, nor from a property of a text or a list: %s',
    async (name) => {
      const row = await storeEvaluation();
      const send = createWorker({ JWT_ACCOUNT_CLAIM: name });
      const token = await mintToken({ list: [ACCOUNT] });

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, token),
        makeInvalidToken(requireFilled(name)),
        send,
      );
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['/app_metadata/account_id', { app_metadata: { account_id: ACCOUNT } }],
    ['/~1account', { '/account': ACCOUNT }],
    ['/a~1b/c~0d', { 'a/b': { 'c~d': ACCOUNT } }],
    ['/~01', { '~1': ACCOUNT }],
    ['/', { '': ACCOUNT }],
    ['/list/1/id', { list: [{}, { id: ACCOUNT }] }],
    ['/map/1', { map: { 1: ACCOUNT } }],
    ['/toString', { toString: ACCOUNT }],
    ['a/b', { 'a/b': ACCOUNT }],
    ['a~b', { 'a~b': ACCOUNT }],
    ['organization', { organization: { [ACCOUNT]: {} } }],
  ])('takes the account from where JWT_ACCOUNT_CLAIM points: %s', async (name, found) => {
    const row = await storeEvaluation();
    const token = await mintToken({ account_id: 'acc_other', ...found });

    const response = await createWorker({ JWT_ACCOUNT_CLAIM: name })(await putValue(row, 9, token));

    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9, account_id: ACCOUNT });
  });

  it.each<[string, Record<string, unknown>]>([
    ['/list/01', { list: ['acc_other', ACCOUNT] }],
    ['/list/-', { list: [ACCOUNT] }],
    ['/list/1e0', { list: ['acc_other', ACCOUNT] }],
    ['/list/2', { list: ['acc_other', ACCOUNT] }],
    ['/a/b', { 'a/b': ACCOUNT, a: 'b' }],
    ['/a', { '/a': ACCOUNT }],
    ['/a/', { a: ACCOUNT }],
    ['organization', { organization: { acme: {}, globex: {} } }],
    ['organization', { organization: {} }],
    ['organization', { organization: { ' ': {} } }],
    ['organization', { organization: ['acme'] }],
    ['app_metadata', { app_metadata: { provider: 'email' } }],
    ['app_metadata', { app_metadata: { providers: ['email'] } }],
    ['app_metadata', { app_metadata: { provider: null } }],
    ['account', { account: 1.5 }],
    ['account', { account: 2 ** 53 }],
    ['account', { account: true }],
    ['account', { account: null }],
  ])(
    'refuses a token if JWT_ACCOUNT_CLAIM %s leads to no account in it: %o',
    async (name, claim) => {
      const row = await storeEvaluation();
      const send = createWorker({ JWT_ACCOUNT_CLAIM: name });

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, await mintToken(claim)),
        makeInvalidToken(requireFilled(name)),
        send,
      );
    },
  );

  it('refuses deeply nested claims without a fault', async () => {
    const deep = (depth: number) =>
      `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"sub":"s","exp":${now + 60}}`;
    const row = await storeEvaluation();
    const name = `/a${'/0'.repeat(5_000)}`;
    const token = await (await createHmac(SECRET)).sign(deep(6_000));

    const send = createWorkerNow({ JWT_ACCOUNT_CLAIM: name });
    const sent = await putValue(row, 9, token);

    await expectRefusedUpdate(row, sent, makeInvalidToken(requireFilled(name)), send);
  });

  it.each([
    [4711, '4711'],
    [-7, '-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('takes a number as the account of that text: %s', async (account_id, text) => {
    const row = await storeEvaluation({ account_id: text });

    expect((await worker(await putValue(row, 9, await mintToken({ account_id })))).status).toBe(
      200,
    );
  });

  it('refuses an account and an author of more than 255 characters, wherever they come from', async () => {
    const row = await storeEvaluation();
    const send = createWorker({ JWT_ACCOUNT_CLAIM: '/o', JWT_SUBJECT_CLAIM: '/who/is' });
    const refused = (claim: string) =>
      makeInvalidToken(`The token's claim ${claim} must be at most 255 characters long.`);

    const long = { o: { ['x'.repeat(256)]: {} }, who: { is: 'user-1' } };
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken(long)),
      refused('/o'),
      send,
    );
    const name = { o: ACCOUNT, who: { is: 'x'.repeat(256) } };
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken(name)),
      refused('/who/is'),
      send,
    );
  });

  it.each(['common_name', 'client_id', 'email', '/act/sub'])(
    'takes the author from the claim that JWT_SUBJECT_CLAIM names, and not from sub: %s',
    async (name) => {
      const row = await storeEvaluation();
      const send = createWorker({ JWT_SUBJECT_CLAIM: name });
      const token = await mintToken({ sub: '', [name]: 'the author', act: { sub: 'the author' } });

      expect((await send(await putValue(row, 9, token))).status).toBe(200);
      expect(await readEvaluation(row.id)).toMatchObject({ value: 9, updated_by: 'the author' });
      await expectRefusedUpdate(
        row,
        await putValue(row, 8),
        makeInvalidToken(requireFilled(name)),
        send,
      );
    },
  );

  it('never takes the author or the time of an update from its body', async () => {
    const row = await storeEvaluation();
    const body = JSON.stringify({
      value: 9,
      sub: 'mallory',
      updated_by: 'mallory',
      updated_at: '1999-01-01T00:00:00.000Z',
    });

    await worker(await request(buildPath(row), { body }));

    const updated_at = expect.stringMatching(/^20[2-9]/);
    expect(await readEvaluation(row.id)).toMatchObject({ updated_by: 'user-123', updated_at });
  });
});

describe('JWT_ISSUER and JWT_AUDIENCE', () => {
  it('accepts any issuer and audience if a Worker with a secret sets neither, or leaves both blank', async () => {
    const row = await storeEvaluation();
    const token = await mintToken({ iss: 'anyone', aud: 'anything' });

    expect(
      (await createWorker({ JWT_ISSUER: '', JWT_AUDIENCE: ' ' })(await putValue(row, 9, token)))
        .status,
    ).toBe(200);
  });
});

describe('several issuers and audiences', () => {
  const settings = {
    JWT_ISSUER: ` ${ISSUER}\t https://second.example `,
    JWT_AUDIENCE: 'run-evaluation  another-api',
  };

  it.each([
    { iss: ISSUER, aud: 'run-evaluation' },
    { iss: 'https://second.example', aud: 'another-api' },
    { iss: 'https://second.example', aud: ['a-third', 'run-evaluation'] },
  ])('accepts each of several issuers and audiences: %o', async (changed) => {
    const row = await storeEvaluation();
    const send = createWorkerWithKeys([pair.jwk], settings);

    expect(
      (await send(await putValue(row, 9, await pair.sign(makeScopedClaims(changed))))).status,
    ).toBe(200);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ iss: `${ISSUER} https://second.example` }, 'The token comes from another issuer.'],
    [{ iss: [ISSUER] }, 'The token comes from another issuer.'],
    [{ iss: 'https://second.example/' }, 'The token comes from another issuer.'],
    [{ aud: 'run-evaluation another-api' }, AUDIENCE],
    [{ aud: [] }, AUDIENCE],
  ])('refuses several issuers and audiences in any other form: %o', async (changed, error) => {
    const row = await storeEvaluation();
    const send = createWorkerWithKeys([pair.jwk], settings);

    const token = await pair.sign(makeScopedClaims(changed));
    await expectRefusedUpdate(row, await putValue(row, 9, token), makeInvalidToken(error), send);
  });

  it('keeps the accounts of two tenants with one key set apart', async () => {
    const send = createWorkerWithKeys([pair.jwk], { ...settings, JWT_ACCOUNT_CLAIM: 'tid' });
    const row = await storeEvaluation({ account_id: 'tenant-1' });
    const first = await pair.sign(makeScopedClaims({ tid: 'tenant-1' }));
    const second = await pair.sign(
      makeScopedClaims({ iss: 'https://second.example', tid: 'tenant-2', account_id: 'tenant-1' }),
    );

    await expectRefusedUpdate(row, await putValue(row, 9, second), NOT_FOUND, send);
    expect((await send(await putValue(row, 9, first))).status).toBe(200);
  });
});

describe('JWT_CLIENT_CLAIM and JWT_CLIENTS', () => {
  const clients = { JWT_CLIENT_CLAIM: 'azp', JWT_CLIENTS: 'web-app batch-job' };
  const error = 'The token comes from another client.';

  it('accepts a token of any named client, with any audience, if no audience is set', async () => {
    const row = await storeEvaluation();
    const send = createWorkerWithKeys([pair.jwk], { ...clients, JWT_AUDIENCE: '' });

    for (const azp of ['web-app', 'batch-job']) {
      const token = await pair.sign(makeScopedClaims({ azp, aud: 'anything' }));
      expect((await send(await putValue(row, 9, token))).status).toBe(200);
    }
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['another client', { azp: 'another' }, error],
    ['a client that only begins like one', { azp: 'web-app-2' }, error],
    ['both in one', { azp: 'web-app batch-job' }, error],
    ['an empty client', { azp: '' }, error],
    ['a list of clients', { azp: ['web-app'] }, error],
    ['an object', { azp: { 'web-app': true } }, error],
    ['the client in another claim', { client_id: 'web-app' }, 'The token lacks the claim azp.'],
    ['another audience', { azp: 'web-app', aud: 'another-api' }, AUDIENCE],
    ['no audience', { azp: 'web-app', aud: undefined }, 'The token lacks the claim aud.'],
  ])(
    'refuses a token if clients and audience are set and it has %s',
    async (_, changed, sentence) => {
      const row = await storeEvaluation();
      const send = createWorkerWithKeys([pair.jwk], clients);

      const token = await pair.sign(makeScopedClaims(changed));
      await expectRefusedUpdate(
        row,
        await putValue(row, 9, token),
        makeInvalidToken(sentence),
        send,
      );
    },
  );

  it('checks the client of a token with a secret too', async () => {
    const row = await storeEvaluation();
    const send = createWorker(clients);

    const token = await mintToken({ azp: 'another' });
    await expectRefusedUpdate(row, await putValue(row, 9, token), makeInvalidToken(error), send);
    expect((await send(await putValue(row, 9, await mintToken({ azp: 'web-app' })))).status).toBe(
      200,
    );
  });
});

describe('JWT_RUN_CLAIM', () => {
  it('restricts a token by the claim that JWT_RUN_CLAIM names, and not by run_id', async () => {
    const row = await storeEvaluation();
    const send = createWorker({ JWT_RUN_CLAIM: 'evaluation_run_id' });
    const put = async (evaluation_run_id: unknown) =>
      putValue(row, 9, await mintToken({ run_id: '1234567890', evaluation_run_id }));

    await expectRefusedUpdate(row, await put(crypto.randomUUID()), NOT_FOUND, send);
    const sentence = "The token's claim evaluation_run_id must be a UUID.";
    await expectRefusedUpdate(row, await put(null), makeInvalidToken(sentence), send);
    expect((await send(await put(row.run_id))).status).toBe(200);
    expect((await send(await put(undefined))).status).toBe(200);
  });
});

describe('JWT_REQUIRED_SCOPE', () => {
  const send = createWorker({ JWT_REQUIRED_SCOPE: 'evaluations:write' });
  const error = 'The token lacks the scope evaluations:write.';

  it.each<[string, Record<string, unknown>]>([
    ['no scope', {}],
    ['other scopes', { scope: 'evaluations:read profile' }],
    ['a scope that only begins like it', { scope: 'evaluations:write-all' }],
    [
      'a list where a string belongs, with both in one',
      { scp: ['evaluations:read evaluations:write'] },
    ],
    ['a scope that is no text', { scope: { 'evaluations:write': true } }],
    ['permissions that are no list', { permissions: { 'evaluations:write': true } }],
    ['another role', { roles: ['evaluations:read'] }],
    ['a role somewhere else', { realm_access: { roles: ['evaluations:write'] } }],
  ])('refuses a token with %s', async (_, scope) => {
    const row = await storeEvaluation();
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken(scope)),
      {
        status: 403,
        error,
        headers: {
          'www-authenticate': `Bearer error="insufficient_scope", error_description="${error}", scope="evaluations:write"`,
        },
      },
      send,
    );
  });

  it.each([
    { scope: 'evaluations:write' },
    { scope: 'profile evaluations:write' },
    { scp: ['profile', 'evaluations:write'] },
    { scp: 'profile evaluations:write' },
    { scope: 'profile', permissions: ['evaluations:read', 'evaluations:write'] },
    { roles: ['evaluations:write'] },
  ])('accepts a token that has the scope in %o', async (scope) => {
    const row = await storeEvaluation();
    expect((await send(await putValue(row, 9, await mintToken(scope)))).status).toBe(200);
  });

  it('refuses an expired token that lacks the scope with 401', async () => {
    const row = await storeEvaluation();
    const expired = await mintToken({ exp: 1 });
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, expired),
      makeInvalidToken('The token has expired.'),
      send,
    );
  });
});
