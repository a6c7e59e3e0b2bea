/**
 * Tests hostile tokens: every operation that needs a token refuses each of them.
 *
 * The table lists the sections of RFC 8725 (JSON Web Token Best Current Practices) that apply, and
 * their tests. A name in quotes is a test in this file.
 * | section | here |
 * | --- | --- |
 * | 3.1 perform algorithm verification | "alg none", "another algorithm", "HS256 with the public key as the secret" |
 * | 3.2 use appropriate algorithms | "another algorithm"; token-settings.test.ts refuses RSA under 2048 bits and short secrets |
 * | 3.3 validate all cryptographic operations | "a token whose last character is changed", "a zero ECDSA signature", "the signature of another token" |
 * | 3.5 ensure cryptographic keys have sufficient entropy | token-settings.test.ts refuses a short JWT_SECRET |
 * | 3.7 use UTF-8 | "claims in invalid UTF-8" |
 * | 3.8 validate issuer and subject | "another issuer", "no sub", "a blank sub" |
 * | 3.9 use and validate audience | "another audience", "an empty audience"; token-settings.test.ts requires both settings with a key set |
 * | 3.10 do not trust received claims | "a kid that is SQL", "an embedded jwk", "an embedded jku": the Worker takes no key and no address from a token |
 * | 3.11 use explicit typing | "a JWT of another kind: dpop" |
 * | 3.12 use mutually exclusive validation rules | "a token of the Worker with the secret", "an ID token by its typ"; token-settings.test.ts refuses several sources of keys |
 * Sections 3.4 and 3.6 are about encrypted tokens, which the Worker does not accept.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { makeInvalidToken, NO_CREDENTIALS } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import { runByOperation } from './support/operations.ts';
import { SECRET } from './support/secret.ts';
import {
  base64url,
  createHmac,
  encodeUnsigned,
  type Header,
  makeKeyPair,
} from './support/signer.ts';
import {
  ALGORITHM,
  AUDIENCE,
  createWorkerNow,
  createWorkerWithKeys,
  ISSUER,
  KIND,
  makeScopedClaims,
  mintLong,
  NO_ACCESS_TOKEN,
  NOT_A_JWT,
  now,
  pair,
  requireFilled,
  SIGNATURE,
  UNKNOWN_KEY,
} from './support/tokens.ts';
import {
  ACCOUNT,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  formatRefusal,
  mintToken,
  putValue,
  type Refusal,
  readEvaluation,
  readRefusal,
  readState,
  request,
  type Send,
  storeEvaluation,
  worker,
} from './support/worker.ts';

/**
 * `knownText` is what an attacker may know: the public key, or the secret without its last
 * character.
 */
type Deployment = {
  readonly send: Send;
  readonly sign: (claims: object | string, header?: Header) => Promise<string>;
  readonly knownText: string;
};

const DEPLOYMENTS: Readonly<Record<'a secret' | 'a key set', () => Promise<Deployment>>> = {
  'a secret': async () => ({
    send: createWorkerNow({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'run-evaluation' }),
    sign: (await createHmac(SECRET)).sign,
    knownText: SECRET.slice(0, -1),
  }),
  'a key set': async () => ({
    send: createWorkerWithKeys([pair.jwk]),
    sign: pair.sign,
    knownText: JSON.stringify(pair.jwk),
  }),
};

type Hostile = readonly [name: string, error: string, token: (by: Deployment) => Promise<string>];

/** Changes the last character, in some copies only in bits that a lenient decoder ignores. */
const changeLastCharacter = (token: string) =>
  ['A', 'B', 'Q', 'R', 'g', 'w', 'x', '8', '9', '_']
    .filter((end) => !token.endsWith(end))
    .map((end) => token.slice(0, -1) + end);

const MATRIX: readonly Hostile[] = [
  ['nothing after the scheme', NOT_A_JWT, async () => ''],
  [
    'two tokens',
    NOT_A_JWT,
    async ({ sign }) => `${await sign(makeScopedClaims())} ${await sign(makeScopedClaims())}`,
  ],
  [
    'two tokens with a comma',
    NOT_A_JWT,
    async ({ sign }) =>
      `${await sign(makeScopedClaims())}, Bearer ${await sign(makeScopedClaims())}`,
  ],
  ['base64 padding', NOT_A_JWT, async ({ sign }) => `${await sign(makeScopedClaims())}=`],
  [
    'white space inside',
    NOT_A_JWT,
    async ({ sign }) => (await sign(makeScopedClaims())).replace('.', '. '),
  ],
  ['a tab before it', NOT_A_JWT, async ({ sign }) => `\t${await sign(makeScopedClaims())}`],
  ['two parts', NOT_A_JWT, async () => encodeUnsigned({ alg: 'HS256' }, makeScopedClaims())],
  ['five parts', NOT_A_JWT, async ({ sign }) => `${await sign(makeScopedClaims())}.AAAA.AAAA`],
  [
    'an empty signature',
    NOT_A_JWT,
    async () => `${encodeUnsigned({ alg: 'HS256' }, makeScopedClaims())}.`,
  ],
  ['quotes', NOT_A_JWT, async ({ sign }) => `"${await sign(makeScopedClaims())}"`],
  ['plain text', NOT_A_JWT, async () => 'secret'],
  ['parts that are not JSON', NOT_A_JWT, async () => 'AAAA.AAAA.AAAA'],
  [
    '17 KiB',
    'The token is longer than 16384 characters.',
    async ({ sign }) => sign(makeScopedClaims({ pad: 'x'.repeat(13_000) })),
  ],
  ['claims that are an array', NOT_A_JWT, async ({ sign }) => sign('[1]')],
  ['claims that are not JSON', NOT_A_JWT, async ({ sign }) => sign('{')],
  [
    'alg none',
    ALGORITHM,
    async () => `${encodeUnsigned({ alg: 'none' }, makeScopedClaims())}.AAAA`,
  ],
  [
    'alg None',
    ALGORITHM,
    async () => `${encodeUnsigned({ alg: 'None' }, makeScopedClaims())}.AAAA`,
  ],
  [
    'alg NONE',
    ALGORITHM,
    async () => `${encodeUnsigned({ alg: 'NONE' }, makeScopedClaims())}.AAAA`,
  ],
  [
    'alg nOnE and no signature',
    NOT_A_JWT,
    async () => `${encodeUnsigned({ alg: 'nOnE' }, makeScopedClaims())}.`,
  ],
  ['no alg', NOT_A_JWT, async ({ sign }) => sign(makeScopedClaims(), { alg: undefined })],
  [
    'another algorithm',
    ALGORITHM,
    async () => (await createHmac(SECRET, 'HS512')).sign(makeScopedClaims()),
  ],
  [
    'the signature of another token',
    SIGNATURE,
    async ({ sign }) => {
      const [header = '', , signature = ''] = (await sign(makeScopedClaims())).split('.');
      return `${header}.${encodeUnsigned({}, makeScopedClaims({ account_id: 'acc_neighbour' })).split('.')[1]}.${signature}`;
    },
  ],
  [
    'an unknown crit',
    NOT_A_JWT,
    async ({ sign }) =>
      sign(makeScopedClaims(), { crit: ['urn:example:unknown'], 'urn:example:unknown': true }),
  ],
  ['an empty crit', NOT_A_JWT, async ({ sign }) => sign(makeScopedClaims(), { crit: [] })],
  [
    'b64 false',
    NOT_A_JWT,
    async ({ sign }) => sign(makeScopedClaims(), { crit: ['b64'], b64: false }),
  ],
  [
    'a JWT of another kind: dpop',
    KIND,
    async ({ sign }) => sign(makeScopedClaims(), { typ: 'dpop+jwt' }),
  ],
  [
    'a JWT of another kind: logout',
    KIND,
    async ({ sign }) => sign(makeScopedClaims(), { typ: 'application/logout+jwt' }),
  ],
  [
    'a JWT of another kind: a number',
    KIND,
    async ({ sign }) => sign(makeScopedClaims(), { typ: 7 }),
  ],
  [
    'a JWT of another kind: an object',
    KIND,
    async ({ sign }) => sign(makeScopedClaims(), { typ: { toString: 'JWT' } }),
  ],
  ['a kid that is a number', NOT_A_JWT, async ({ sign }) => sign(makeScopedClaims(), { kid: 7 })],
  [
    'a kid that is an object',
    NOT_A_JWT,
    async ({ sign }) => sign(makeScopedClaims(), { kid: { toString: 'key-1' } }),
  ],
  [
    'expired',
    'The token has expired.',
    async ({ sign }) => sign(makeScopedClaims({ exp: now - 10 })),
  ],
  [
    'not valid yet',
    'The token is not valid yet.',
    async ({ sign }) => sign(makeScopedClaims({ nbf: now + 60 })),
  ],
  [
    'an nbf that is a string',
    "The token's claim nbf is not of the right type.",
    async ({ sign }) => sign(makeScopedClaims({ nbf: '0' })),
  ],
  [
    'no exp',
    'The token lacks the claim exp.',
    async ({ sign }) => sign(makeScopedClaims({ exp: undefined })),
  ],
  [
    'an exp that is a string',
    "The token's claim exp is not of the right type.",
    async ({ sign }) => sign(makeScopedClaims({ exp: String(now + 60) })),
  ],
  [
    'an exp that is null',
    "The token's claim exp is not of the right type.",
    async ({ sign }) => sign(makeScopedClaims({ exp: null })),
  ],
  [
    'an exp of 1e400',
    "The token's claim exp must be a finite number.",
    async ({ sign }) =>
      sign(JSON.stringify(makeScopedClaims({ exp: 1 })).replace('"exp":1', '"exp":1e400')),
  ],
  [
    'no issuer',
    'The token lacks the claim iss.',
    async ({ sign }) => sign(makeScopedClaims({ iss: undefined })),
  ],
  [
    'another issuer',
    'The token comes from another issuer.',
    async ({ sign }) => sign(makeScopedClaims({ iss: `${ISSUER}/` })),
  ],
  [
    'several issuers',
    'The token comes from another issuer.',
    async ({ sign }) => sign(makeScopedClaims({ iss: [ISSUER] })),
  ],
  [
    'no audience',
    'The token lacks the claim aud.',
    async ({ sign }) => sign(makeScopedClaims({ aud: undefined })),
  ],
  [
    'another audience',
    AUDIENCE,
    async ({ sign }) => sign(makeScopedClaims({ aud: 'another-api' })),
  ],
  ['an empty audience', AUDIENCE, async ({ sign }) => sign(makeScopedClaims({ aud: '' }))],
  ['an empty list of audiences', AUDIENCE, async ({ sign }) => sign(makeScopedClaims({ aud: [] }))],
  ['no sub', requireFilled('sub'), async ({ sign }) => sign(makeScopedClaims({ sub: undefined }))],
  [
    'a sub that is no Unicode text',
    requireFilled('sub'),
    async ({ sign }) => sign(makeScopedClaims({ sub: 'user-\ud800' })),
  ],
  ['an empty sub', requireFilled('sub'), async ({ sign }) => sign(makeScopedClaims({ sub: '' }))],
  ['a blank sub', requireFilled('sub'), async ({ sign }) => sign(makeScopedClaims({ sub: ' \t' }))],
  [
    'a sub that is a number',
    requireFilled('sub'),
    async ({ sign }) => sign(makeScopedClaims({ sub: 7 })),
  ],
  [
    'no account',
    requireFilled('account_id'),
    async ({ sign }) => sign(makeScopedClaims({ account_id: undefined })),
  ],
  [
    'an empty account',
    requireFilled('account_id'),
    async ({ sign }) => sign(makeScopedClaims({ account_id: '' })),
  ],
  [
    'a blank account',
    requireFilled('account_id'),
    async ({ sign }) => sign(makeScopedClaims({ account_id: '\u00a0 ' })),
  ],
  [
    'a list of accounts',
    requireFilled('account_id'),
    async ({ sign }) => sign(makeScopedClaims({ account_id: [ACCOUNT] })),
  ],
  [
    'a run_id that is null',
    "The token's claim run_id must be a UUID.",
    async ({ sign }) => sign(makeScopedClaims({ run_id: null })),
  ],
  [
    'a run_id that is empty',
    "The token's claim run_id must be a UUID.",
    async ({ sign }) => sign(makeScopedClaims({ run_id: '' })),
  ],
  [
    'a run_id that is a list',
    "The token's claim run_id must be a UUID.",
    async ({ sign }) => sign(makeScopedClaims({ run_id: [crypto.randomUUID()] })),
  ],
  [
    'an evaluation_id that is a pattern',
    "The token's claim evaluation_id must be a UUID.",
    async ({ sign }) => sign(makeScopedClaims({ evaluation_id: '*' })),
  ],
  [
    'an evaluation_id that is false',
    "The token's claim evaluation_id must be a UUID.",
    async ({ sign }) => sign(makeScopedClaims({ evaluation_id: false })),
  ],
];

const KEY_SET_MATRIX: readonly Hostile[] = [
  [
    'HS256 with the public key as the secret',
    ALGORITHM,
    async ({ knownText }) =>
      (await createHmac(knownText)).sign(makeScopedClaims(), { kid: 'key-1' }),
  ],
  [
    'a token of the Worker with the secret',
    ALGORITHM,
    async () => (await createHmac(SECRET)).sign(makeScopedClaims()),
  ],
  [
    'a zero ECDSA signature',
    SIGNATURE,
    async () =>
      `${encodeUnsigned({ alg: 'ES256', kid: 'key-1' }, makeScopedClaims())}.${base64url(new Uint8Array(64))}`,
  ],
  [
    'an algorithm of another key type',
    UNKNOWN_KEY,
    async () => (await makeKeyPair('RS256', 'key-1')).sign(makeScopedClaims()),
  ],
  ['an unknown kid', UNKNOWN_KEY, async ({ sign }) => sign(makeScopedClaims(), { kid: 'key-2' })],
  ['an empty kid', UNKNOWN_KEY, async ({ sign }) => sign(makeScopedClaims(), { kid: '' })],
  [
    'a kid that is a path',
    UNKNOWN_KEY,
    async ({ sign }) => sign(makeScopedClaims(), { kid: '../../../dev/null' }),
  ],
  [
    'a kid that is SQL',
    UNKNOWN_KEY,
    async ({ sign }) => sign(makeScopedClaims(), { kid: "key-1' OR '1'='1" }),
  ],
  [
    'a kid that is a name of the prototype',
    UNKNOWN_KEY,
    async ({ sign }) => sign(makeScopedClaims(), { kid: '__proto__' }),
  ],
  ...(['jwk', 'jku', 'x5u'] as const).map(
    (name): Hostile => [
      `an embedded ${name}`,
      SIGNATURE,
      async () => {
        const attacker = await makeKeyPair('ES256', 'key-1');
        const taken = name === 'jwk' ? attacker.jwk : 'https://attacker.example/keys';
        return attacker.sign(makeScopedClaims(), { [name]: taken });
      },
    ],
  ),
];

describe.each(['a secret', 'a key set'] as const)('a Worker with %s', (kind) => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await DEPLOYMENTS[kind]();
  });

  const expectRefusedByEach = async (
    authorization: string | null,
    refusal: Refusal,
    query = '',
  ) => {
    const row = await storeEvaluation();
    const before = await readState(row);
    const refusals = await runByOperation(async ({ requestAlone }) =>
      readRefusal(await deployment.send(await requestAlone(row, { authorization }, { query }))),
    );
    expect(refusals).toEqual(await runByOperation(() => formatRefusal(refusal)));
    expect(await readState(row)).toEqual(before);
  };

  const expectAcceptedByEach = async (authorization: string) => {
    const statuses = await runByOperation(async ({ requestFor }) => {
      const sent = await requestFor(await storeEvaluation(), { authorization });
      return (await deployment.send(sent)).status;
    });
    expect(statuses).toEqual(await runByOperation(({ success }) => success));
  };

  it.each(kind === 'a secret' ? MATRIX : [...MATRIX, ...KEY_SET_MATRIX])(
    'refuses a hostile token at every operation: %s',
    async (_, error, token) => {
      await expectRefusedByEach(`Bearer ${await token(deployment)}`, makeInvalidToken(error));
    },
  );

  it('refuses a token whose last character is changed to any other', async () => {
    const { send, sign } = deployment;
    const row = await storeEvaluation();
    const tokens = changeLastCharacter(await sign(makeScopedClaims()));

    const statuses = await Promise.all(
      tokens.map(async (token) => (await send(await putValue(row, 9, token))).status),
    );

    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('refuses claims in invalid UTF-8 at every operation', async () => {
    const [header = '', , signature = ''] = (await deployment.sign(makeScopedClaims())).split('.');
    const token = `${header}.${base64url(new Uint8Array([0x7b, 0xff, 0x7d]))}.${signature}`;
    await expectRefusedByEach(`Bearer ${token}`, makeInvalidToken(SIGNATURE));
  });

  it.each([
    {},
    { typ: 'JWT' },
    { typ: 'jwt' },
    { typ: 'at+jwt' },
    { typ: 'application/at+jwt' },
    { jku: 'https://attacker.example/keys' },
  ])('accepts its own token at every operation with the header %o', async (header) => {
    const fetched = vi.spyOn(globalThis, 'fetch');

    await expectAcceptedByEach(
      `bearer   ${await deployment.sign(makeScopedClaims({ aud: ['another-api', 'run-evaluation'] }), header)}`,
    );

    expect(fetched).not.toHaveBeenCalled();
  });

  it('tolerates clocks that are less than five seconds apart, and no more', async () => {
    const times = async (exp: number, nbf: number) =>
      `Bearer ${await deployment.sign(makeScopedClaims({ exp: now + exp, nbf: now + nbf }))}`;

    await expectAcceptedByEach(await times(-4, 5));
    await expectRefusedByEach(await times(-5, 5), makeInvalidToken('The token has expired.'));
    await expectRefusedByEach(await times(-4, 6), makeInvalidToken('The token is not valid yet.'));
  });

  it.each([null, '', 'Basic dXNlcjpwYXNz', 'Bearertoken', 'Token abc', 'DPoP abc'])(
    'answers the bare challenge at every operation to the Authorization header %s',
    async (authorization) => {
      await expectRefusedByEach(authorization, NO_CREDENTIALS);
    },
  );

  it('takes no token from the query string at any operation', async () => {
    await expectRefusedByEach(
      null,
      NO_CREDENTIALS,
      `?access_token=${await deployment.sign(makeScopedClaims())}`,
    );
  });
});

it('refuses a request without a token before it parses anything or asks D1', async () => {
  const { db, calls } = countCalls(DB);
  let pulled = false;
  const pull = () => {
    pulled = true;
  };
  const body = new ReadableStream({ pull }, { highWaterMark: 0 });
  const path = '/v1/run/not-a-uuid/evaluation/neither';
  const sent = await request(path, {
    body,
    headers: { authorization: null, 'content-type': 'text/plain' },
  });

  await expectRefusal(await createWorker({ DB: db })(sent), NO_CREDENTIALS);

  expect(pulled).toBe(false);
  expect(calls).toEqual([]);
});

describe('a long token', () => {
  it('an update accepts a token with the 157 groups that Entra puts into it', async () => {
    const row = await storeEvaluation();
    const groups = Array.from({ length: 157 }, () => crypto.randomUUID());
    const token = await mintToken({ groups });

    expect(token.length).toBeGreaterThan(8192);
    expect((await worker(await putValue(row, 9, token))).status).toBe(200);
  });

  it('an update accepts a token of 16,384 characters, and refuses a longer one', async () => {
    const row = await storeEvaluation();
    const [longest, longer] = [await mintLong(16_384), await mintLong(16_385)];

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, longer),
      makeInvalidToken('The token is longer than 16384 characters.'),
    );
    expect((await worker(await putValue(row, 9, longest))).status).toBe(200);
  });
});

describe('a token that is no access token', () => {
  it.each<[string, Record<string, unknown>]>([
    ['an ID token by its token_use', { token_use: 'id' }],
    ['a token_use that is no text', { token_use: ['access'] }],
    ['a token_use that is null', { token_use: null }],
    ['an ID token by its typ', { typ: 'ID' }],
    ['a refresh token by its typ', { typ: 'Refresh' }],
    ['an offline token by its typ', { typ: 'Offline' }],
    ['an ID token by its nonce', { nonce: 'n-0S6_WzA2Mj' }],
    ['a nonce that is null', { nonce: null }],
    ['a blank nonce that is not empty', { nonce: ' ' }],
    ['an ID token by its at_hash', { at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }],
    ['an ID token whose nonce is empty and whose at_hash is not', { nonce: '', at_hash: '77Qm' }],
    ['a nonce beside a typ that says nothing', { typ: 'JWT', nonce: 'n-0S6_WzA2Mj' }],
    ['a nonce beside a typ that is no text', { typ: ['Bearer'], nonce: 'n-0S6_WzA2Mj' }],
  ])('an update refuses %s', async (_, changed) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken(changed)),
      makeInvalidToken(NO_ACCESS_TOKEN),
    );
  });

  it.each([
    { token_use: 'id' },
    { token_use: 'id', typ: 'Bearer' },
    { typ: 'ID' },
    { typ: 'id' },
    { typ: 'Refresh' },
    { typ: 'Offline' },
  ])(
    'an update refuses %o, although the header says that it is an access token',
    async (changed) => {
      const row = await storeEvaluation();
      const token = await mintToken(changed, { typ: 'at+jwt' });

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, token),
        makeInvalidToken(NO_ACCESS_TOKEN),
      );
    },
  );

  it.each([
    { token_use: 'access' },
    { typ: 'Bearer' },
    { typ: 'Identity' },
    { typ: 'Void' },
    { typ: 7 },
    { typ: { toString: 'ID' } },
    { type: 'ID' },
    { nonce: '' },
    { at_hash: '' },
    { nonce: '', at_hash: '' },
  ])('an update accepts a token with %o, which an access token may have', async (changed) => {
    const row = await storeEvaluation();

    expect((await worker(await putValue(row, 9, await mintToken(changed)))).status).toBe(200);
  });
});

describe('an access token with the claims of an ID token', () => {
  it.each<[Record<string, unknown>, Header]>([
    [{ typ: 'Bearer' }, { typ: 'JWT' }],
    [{ typ: 'bearer' }, {}],
    [{ typ: 'BEARER', token_use: 'access' }, {}],
    [{}, { typ: 'at+jwt' }],
    [{}, { typ: 'application/AT+JWT' }],
    [{ typ: 7 }, { typ: 'at+jwt' }],
  ])(
    'an update accepts an access token with claims of an ID token if it declares itself: claims %o, header %o',
    async (changed, header) => {
      const row = await storeEvaluation();

      for (const copied of [{ nonce: '7f0c1d5e' }, { at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }]) {
        const token = await mintToken({ ...changed, ...copied }, header);
        expect((await worker(await putValue(row, 9, token))).status).toBe(200);
      }
    },
  );
});
