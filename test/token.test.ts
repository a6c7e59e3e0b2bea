/**
 * Which tokens are accepted. One matrix of tokens against every operation that needs one, once for a Worker with a shared secret
 * and once for one with a key set.
 *
 * RFC 8725, JSON Web Token Best Current Practices: what applies, and the test that shows it.
 * | section | here |
 * | --- | --- |
 * | 3.1 perform algorithm verification | "alg none", "another algorithm", "HS256 with the public key as the secret" |
 * | 3.2 use appropriate algorithms | "another algorithm"; RSA under 2048 bits and short secrets are configuration faults |
 * | 3.3 validate all cryptographic operations | "its last character changed", "a zero ECDSA signature", "the signature of another token" |
 * | 3.5 ensure cryptographic keys have sufficient entropy | a short JWT_SECRET is a configuration fault |
 * | 3.7 use UTF-8 | "claims in invalid UTF-8" |
 * | 3.8 validate issuer and subject | "another issuer", "no sub", "a blank sub" |
 * | 3.9 use and validate audience | "another audience", "an empty audience"; both settings are required with a key set |
 * | 3.10 do not trust received claims | "a kid that is SQL", "an embedded jwk", "an embedded jku": no key or address is taken from a token |
 * | 3.11 use explicit typing | "a JWT of another kind: dpop" |
 * | 3.12 use mutually exclusive validation rules | one source of keys at a time; "a token of the Worker with the secret"; "a token that is no access token" |
 * 3.4 and 3.6 are about encryption, which is not accepted.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { INTERNAL_ERROR, invalidToken, NO_CREDENTIALS, NOT_FOUND } from './support/answers.ts';
import { countingD1 } from './support/d1.ts';
import { OPERATIONS } from './support/operations.ts';
import { SECRET } from './support/secret.ts';
import {
  type Algorithm,
  base64url,
  type Header,
  hmac,
  type KeyPair,
  keyPair,
  privateJwk,
  unsigned,
} from './support/signer.ts';
import {
  ACCOUNT,
  claims,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  pathOf,
  putValue,
  type Row,
  readEvaluation,
  request,
  type Send,
  seconds,
  stateOf,
  storeEvaluation,
  worker,
  workerWith,
} from './support/worker.ts';

const NOT_A_JWT = 'The bearer token is not a well-formed JWT.';
const SIGNATURE = "The token's signature does not verify.";
const ALGORITHM = "The token's algorithm is not accepted here.";
const KIND = 'The token is a JWT of another kind (typ).';
const UNKNOWN_KEY = 'The token is signed with a key that is not known here.';
const AUDIENCE = 'The token is meant for another audience.';
const NO_ACCESS_TOKEN = 'The token is an ID or refresh token: send an access token.';
const filled = (claim: string) => `The token's claim ${claim} must be a non-empty string.`;

const ISSUER = 'https://issuer.example';
const scoped = (changed: Record<string, unknown> = {}) =>
  claims({ iss: ISSUER, aud: 'run-evaluation', ...changed });
const now = () => seconds(new Date());

/** A Worker, who signs for it, and the secret or public key as an attacker may know it. */
type Deployment = {
  readonly send: Send;
  readonly sign: (claims: object | string, header?: Header) => Promise<string>;
  readonly knownText: string;
};

let pair: KeyPair;
const deployments: Record<'secret' | 'key set', () => Promise<Deployment>> = {
  secret: async () => ({
    send: workerWith({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'run-evaluation' }),
    sign: (await hmac(SECRET)).sign,
    knownText: SECRET.slice(0, -1),
  }),
  'key set': async () => ({
    send: workerWithKeys([pair.jwk]),
    sign: pair.sign,
    knownText: JSON.stringify(pair.jwk),
  }),
};

const workerWithKeys = (keys: object[], settings: Partial<Env> = {}) =>
  workerWith({
    JWT_SECRET: '',
    JWT_JWKS: JSON.stringify({ keys }),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: 'run-evaluation',
    ...settings,
  });

beforeAll(async () => {
  pair = await keyPair('ES256', 'key-1');
});

type Hostile = readonly [name: string, error: string, token: (by: Deployment) => Promise<string>];

/** Changes the last character of a token: for many of them the lowest bits are not part of the signature. */
const lastCharacters = (token: string) =>
  ['A', 'B', 'Q', 'R', 'g', 'w', 'x', '8', '9', '_']
    .filter((end) => !token.endsWith(end))
    .map((end) => token.slice(0, -1) + end);

const MATRIX: readonly Hostile[] = [
  ['nothing after the scheme', NOT_A_JWT, async () => ''],
  ['two tokens', NOT_A_JWT, async ({ sign }) => `${await sign(scoped())} ${await sign(scoped())}`],
  [
    'two tokens with a comma',
    NOT_A_JWT,
    async ({ sign }) => `${await sign(scoped())}, Bearer ${await sign(scoped())}`,
  ],
  ['base64 padding', NOT_A_JWT, async ({ sign }) => `${await sign(scoped())}=`],
  ['white space inside', NOT_A_JWT, async ({ sign }) => (await sign(scoped())).replace('.', '. ')],
  ['a tab before it', NOT_A_JWT, async ({ sign }) => `\t${await sign(scoped())}`],
  ['two parts', NOT_A_JWT, async () => unsigned({ alg: 'HS256' }, scoped())],
  ['five parts', NOT_A_JWT, async ({ sign }) => `${await sign(scoped())}.AAAA.AAAA`],
  ['an empty signature', NOT_A_JWT, async () => `${unsigned({ alg: 'HS256' }, scoped())}.`],
  ['quotes', NOT_A_JWT, async ({ sign }) => `"${await sign(scoped())}"`],
  ['plain text', NOT_A_JWT, async () => 'secret'],
  ['parts that are not JSON', NOT_A_JWT, async () => 'AAAA.AAAA.AAAA'],
  [
    '17 KiB',
    'The token is longer than 16384 characters.',
    async ({ sign }) => sign(scoped({ pad: 'x'.repeat(13_000) })),
  ],
  ['claims that are an array', NOT_A_JWT, async ({ sign }) => sign('[1]')],
  ['claims that are not JSON', NOT_A_JWT, async ({ sign }) => sign('{')],
  ['alg none', ALGORITHM, async () => `${unsigned({ alg: 'none' }, scoped())}.AAAA`],
  ['alg None', ALGORITHM, async () => `${unsigned({ alg: 'None' }, scoped())}.AAAA`],
  ['alg NONE', ALGORITHM, async () => `${unsigned({ alg: 'NONE' }, scoped())}.AAAA`],
  ['alg nOnE and no signature', NOT_A_JWT, async () => `${unsigned({ alg: 'nOnE' }, scoped())}.`],
  ['no alg', NOT_A_JWT, async ({ sign }) => sign(scoped(), { alg: undefined })],
  ['another algorithm', ALGORITHM, async () => (await hmac(SECRET, 'HS512')).sign(scoped())],
  [
    'the signature of another token',
    SIGNATURE,
    async ({ sign }) => {
      const [header = '', , signature = ''] = (await sign(scoped())).split('.');
      return `${header}.${unsigned({}, scoped({ account_id: 'acc_neighbour' })).split('.')[1]}.${signature}`;
    },
  ],
  [
    'an unknown crit',
    NOT_A_JWT,
    async ({ sign }) =>
      sign(scoped(), { crit: ['urn:example:unknown'], 'urn:example:unknown': true }),
  ],
  ['an empty crit', NOT_A_JWT, async ({ sign }) => sign(scoped(), { crit: [] })],
  ['b64 false', NOT_A_JWT, async ({ sign }) => sign(scoped(), { crit: ['b64'], b64: false })],
  ['a JWT of another kind: dpop', KIND, async ({ sign }) => sign(scoped(), { typ: 'dpop+jwt' })],
  [
    'a JWT of another kind: logout',
    KIND,
    async ({ sign }) => sign(scoped(), { typ: 'application/logout+jwt' }),
  ],
  ['a JWT of another kind: a number', KIND, async ({ sign }) => sign(scoped(), { typ: 7 })],
  [
    'a JWT of another kind: an object',
    KIND,
    async ({ sign }) => sign(scoped(), { typ: { toString: 'JWT' } }),
  ],
  ['a kid that is a number', NOT_A_JWT, async ({ sign }) => sign(scoped(), { kid: 7 })],
  [
    'a kid that is an object',
    NOT_A_JWT,
    async ({ sign }) => sign(scoped(), { kid: { toString: 'key-1' } }),
  ],
  ['expired', 'The token has expired.', async ({ sign }) => sign(scoped({ exp: now() - 10 }))],
  [
    'not valid yet',
    'The token is not valid yet.',
    async ({ sign }) => sign(scoped({ nbf: now() + 60 })),
  ],
  [
    'an nbf that is a string',
    "The token's claim nbf is not of the right type.",
    async ({ sign }) => sign(scoped({ nbf: '0' })),
  ],
  [
    'no exp',
    'The token lacks the claim exp.',
    async ({ sign }) => sign(scoped({ exp: undefined })),
  ],
  [
    'an exp that is a string',
    "The token's claim exp is not of the right type.",
    async ({ sign }) => sign(scoped({ exp: String(now() + 60) })),
  ],
  [
    'an exp that is null',
    "The token's claim exp is not of the right type.",
    async ({ sign }) => sign(scoped({ exp: null })),
  ],
  [
    'an exp of 1e400',
    "The token's claim exp must be a finite number.",
    async ({ sign }) => sign(JSON.stringify(scoped({ exp: 1 })).replace('"exp":1', '"exp":1e400')),
  ],
  [
    'no issuer',
    'The token lacks the claim iss.',
    async ({ sign }) => sign(scoped({ iss: undefined })),
  ],
  [
    'another issuer',
    'The token comes from another issuer.',
    async ({ sign }) => sign(scoped({ iss: `${ISSUER}/` })),
  ],
  [
    'several issuers',
    'The token comes from another issuer.',
    async ({ sign }) => sign(scoped({ iss: [ISSUER] })),
  ],
  [
    'no audience',
    'The token lacks the claim aud.',
    async ({ sign }) => sign(scoped({ aud: undefined })),
  ],
  ['another audience', AUDIENCE, async ({ sign }) => sign(scoped({ aud: 'another-api' }))],
  ['an empty audience', AUDIENCE, async ({ sign }) => sign(scoped({ aud: '' }))],
  ['an empty list of audiences', AUDIENCE, async ({ sign }) => sign(scoped({ aud: [] }))],
  ['no sub', filled('sub'), async ({ sign }) => sign(scoped({ sub: undefined }))],
  [
    'a sub that is no Unicode text',
    filled('sub'),
    async ({ sign }) => sign(scoped({ sub: 'user-\ud800' })),
  ],
  ['an empty sub', filled('sub'), async ({ sign }) => sign(scoped({ sub: '' }))],
  ['a blank sub', filled('sub'), async ({ sign }) => sign(scoped({ sub: ' \t' }))],
  ['a sub that is a number', filled('sub'), async ({ sign }) => sign(scoped({ sub: 7 }))],
  ['no account', filled('account_id'), async ({ sign }) => sign(scoped({ account_id: undefined }))],
  ['an empty account', filled('account_id'), async ({ sign }) => sign(scoped({ account_id: '' }))],
  [
    'a blank account',
    filled('account_id'),
    async ({ sign }) => sign(scoped({ account_id: '\u00a0 ' })),
  ],
  [
    'a list of accounts',
    filled('account_id'),
    async ({ sign }) => sign(scoped({ account_id: [ACCOUNT] })),
  ],
  [
    'a run_id that is null',
    "The token's claim run_id must be a UUID.",
    async ({ sign }) => sign(scoped({ run_id: null })),
  ],
  [
    'a run_id that is empty',
    "The token's claim run_id must be a UUID.",
    async ({ sign }) => sign(scoped({ run_id: '' })),
  ],
  [
    'a run_id that is a list',
    "The token's claim run_id must be a UUID.",
    async ({ sign }) => sign(scoped({ run_id: [crypto.randomUUID()] })),
  ],
  [
    'an evaluation_id that is a pattern',
    "The token's claim evaluation_id must be a UUID.",
    async ({ sign }) => sign(scoped({ evaluation_id: '*' })),
  ],
  [
    'an evaluation_id that is false',
    "The token's claim evaluation_id must be a UUID.",
    async ({ sign }) => sign(scoped({ evaluation_id: false })),
  ],
];

/** What only makes sense against asymmetric keys. */
const KEY_SET_MATRIX: readonly Hostile[] = [
  [
    'HS256 with the public key as the secret',
    ALGORITHM,
    async ({ knownText }) => (await hmac(knownText)).sign(scoped(), { kid: 'key-1' }),
  ],
  [
    'a token of the Worker with the secret',
    ALGORITHM,
    async () => (await hmac(SECRET)).sign(scoped()),
  ],
  [
    'a zero ECDSA signature',
    SIGNATURE,
    async () =>
      `${unsigned({ alg: 'ES256', kid: 'key-1' }, scoped())}.${base64url(new Uint8Array(64))}`,
  ],
  [
    'an algorithm of another key type',
    UNKNOWN_KEY,
    async () => (await keyPair('RS256', 'key-1')).sign(scoped()),
  ],
  ['an unknown kid', UNKNOWN_KEY, async ({ sign }) => sign(scoped(), { kid: 'key-2' })],
  ['an empty kid', UNKNOWN_KEY, async ({ sign }) => sign(scoped(), { kid: '' })],
  [
    'a kid that is a path',
    UNKNOWN_KEY,
    async ({ sign }) => sign(scoped(), { kid: '../../../dev/null' }),
  ],
  [
    'a kid that is SQL',
    UNKNOWN_KEY,
    async ({ sign }) => sign(scoped(), { kid: "key-1' OR '1'='1" }),
  ],
  [
    'a kid that is a name of the prototype',
    UNKNOWN_KEY,
    async ({ sign }) => sign(scoped(), { kid: '__proto__' }),
  ],
  ...(['jwk', 'jku', 'x5u'] as const).map(
    (name): Hostile => [
      `an embedded ${name}`,
      SIGNATURE,
      async () => {
        const attacker = await keyPair('ES256', 'key-1');
        const taken = name === 'jwk' ? attacker.jwk : 'https://attacker.example/keys';
        return attacker.sign(scoped(), { [name]: taken });
      },
    ],
  ),
];

describe.each(['secret', 'key set'] as const)('a Worker with a %s, in each operation,', (kind) => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await deployments[kind]();
  });

  type Refusal = Parameters<typeof expectRefusal>[1];

  /** Sends the credentials to every operation, and proves that none of them got through. */
  const expectRefusedByEach = async (
    authorization: string | null,
    refusal: Refusal,
    query = '',
  ) => {
    const row = await storeEvaluation();
    const requests = await Promise.all(
      OPERATIONS.map(({ requestFor }) => requestFor(row, { authorization }, { query })),
    );
    const before = await stateOf(row);
    for (const sent of requests) await expectRefusal(await deployment.send(sent), refusal);
    expect(await stateOf(row)).toEqual(before);
  };

  const expectAcceptedByEach = async (authorization: string) => {
    for (const { name, requestFor } of OPERATIONS) {
      const row = await storeEvaluation();
      const { ok } = await deployment.send(await requestFor(row, { authorization }));
      expect({ name, ok }).toEqual({ name, ok: true });
    }
  };

  it.each(kind === 'secret' ? MATRIX : [...MATRIX, ...KEY_SET_MATRIX])(
    'refuses %s',
    async (_, error, token) => {
      await expectRefusedByEach(`Bearer ${await token(deployment)}`, invalidToken(error));
    },
  );

  it('refuses a token whose last character is changed to any other', async () => {
    const { send, sign } = deployment;
    for (const token of lastCharacters(await sign(scoped()))) {
      const row = await storeEvaluation();
      expect((await send(await putValue(row, 9, token))).status).toBe(401);
      expect(await readEvaluation(row.id)).toEqual(row);
    }
  });

  it('refuses claims in invalid UTF-8', async () => {
    const [header = '', , signature = ''] = (await deployment.sign(scoped())).split('.');
    const token = `${header}.${base64url(new Uint8Array([0x7b, 0xff, 0x7d]))}.${signature}`;
    await expectRefusedByEach(`Bearer ${token}`, invalidToken(SIGNATURE));
  });

  it.each([
    {},
    { typ: 'JWT' },
    { typ: 'jwt' },
    { typ: 'at+jwt' },
    { typ: 'application/at+jwt' },
    { jku: 'https://attacker.example/keys' },
  ])('accepts its own token with the header %o', async (header) => {
    const fetched = vi.spyOn(globalThis, 'fetch');

    await expectAcceptedByEach(
      `bearer   ${await deployment.sign(scoped({ aud: ['another-api', 'run-evaluation'] }), header)}`,
    );

    expect(fetched).not.toHaveBeenCalled();
  });

  it('tolerates clocks that are five seconds apart', async () => {
    await expectAcceptedByEach(
      `Bearer ${await deployment.sign(scoped({ exp: now() - 3, nbf: now() + 3 }))}`,
    );
  });

  it.each([null, '', 'Basic dXNlcjpwYXNz', 'Bearertoken', 'Token abc', 'DPoP abc'])(
    'answers the bare challenge to the Authorization header %s',
    async (authorization) => {
      await expectRefusedByEach(authorization, NO_CREDENTIALS);
    },
  );

  it('does not take a token from the query string', async () => {
    await expectRefusedByEach(
      null,
      NO_CREDENTIALS,
      `?access_token=${await deployment.sign(scoped())}`,
    );
  });
});

describe('a request without a token', () => {
  it('is refused before anything is parsed or D1 is asked', async () => {
    const { db, calls } = countingD1(DB);
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

    await expectRefusal(await workerWith({ DB: db })(sent), NO_CREDENTIALS);

    expect(pulled).toBe(false);
    expect(calls).toEqual([]);
  });
});

describe('the account and the author', () => {
  it('come from the claim that JWT_ACCOUNT_CLAIM names, and from no other', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_ACCOUNT_CLAIM: 'https://example.com/account' });

    const refusal = invalidToken(filled('https://example.com/account'));
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
  ])('are never an inherited property, nor one of a text or a list: %s', async (name) => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_ACCOUNT_CLAIM: name });
    const token = await mintToken({ list: [ACCOUNT] });

    await expectRefusedUpdate(row, await putValue(row, 9, token), invalidToken(filled(name)), send);
  });

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
  ])('come from where JWT_ACCOUNT_CLAIM points: %s', async (name, found) => {
    const row = await storeEvaluation();
    const token = await mintToken({ account_id: 'acc_other', ...found });

    const response = await workerWith({ JWT_ACCOUNT_CLAIM: name })(await putValue(row, 9, token));

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
  ])('are refused where %s does not lead to one: %o', async (name, claim) => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_ACCOUNT_CLAIM: name });

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken(claim)),
      invalidToken(filled(name)),
      send,
    );
  });

  it('are looked for in deeply nested claims, without harm', async () => {
    const deep = (depth: number) =>
      `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"sub":"s","exp":${now() + 60}}`;
    const row = await storeEvaluation();
    const name = `/a${'/0'.repeat(5_000)}`;
    const token = await (await hmac(SECRET)).sign(deep(6_000));

    const send = workerWith({ JWT_ACCOUNT_CLAIM: name });

    expect((await send(await putValue(row, 9, token))).status).toBe(401);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it.each([
    [4711, '4711'],
    [-7, '-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('may be a number for the account, which counts as its text: %s', async (account_id, text) => {
    const row = await storeEvaluation({ account_id: text });

    expect((await worker(await putValue(row, 9, await mintToken({ account_id })))).status).toBe(
      200,
    );
  });

  it('are bounded wherever they come from', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_ACCOUNT_CLAIM: '/o', JWT_SUBJECT_CLAIM: '/who/is' });
    const refused = (claim: string) =>
      invalidToken(`The token's claim ${claim} must be at most 255 characters long.`);

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
    'come from JWT_SUBJECT_CLAIM for the author, whatever sub says: %s',
    async (name) => {
      const row = await storeEvaluation();
      const send = workerWith({ JWT_SUBJECT_CLAIM: name });
      const token = await mintToken({ sub: '', [name]: 'the author', act: { sub: 'the author' } });

      expect((await send(await putValue(row, 9, token))).status).toBe(200);
      expect(await readEvaluation(row.id)).toMatchObject({ value: 9, updated_by: 'the author' });
      await expectRefusedUpdate(row, await putValue(row, 8), invalidToken(filled(name)), send);
    },
  );

  it('never come from the body', async () => {
    const row = await storeEvaluation();
    const body = JSON.stringify({
      value: 9,
      sub: 'mallory',
      updated_by: 'mallory',
      updated_at: '1999-01-01T00:00:00.000Z',
    });

    await worker(await request(pathOf(row), { body }));

    const updated_at = expect.stringMatching(/^20[2-9]/);
    expect(await readEvaluation(row.id)).toMatchObject({ updated_by: 'user-123', updated_at });
  });
});

describe('JWT_ISSUER and JWT_AUDIENCE', () => {
  it('are not checked with a secret when not set, or blank', async () => {
    const row = await storeEvaluation();
    const token = await mintToken({ iss: 'anyone', aud: 'anything' });

    expect(
      (await workerWith({ JWT_ISSUER: '', JWT_AUDIENCE: ' ' })(await putValue(row, 9, token)))
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
  ])('are each accepted: %o', async (changed) => {
    const row = await storeEvaluation();
    const send = workerWithKeys([pair.jwk], settings);

    expect((await send(await putValue(row, 9, await pair.sign(scoped(changed))))).status).toBe(200);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ iss: `${ISSUER} https://second.example` }, 'The token comes from another issuer.'],
    [{ iss: [ISSUER] }, 'The token comes from another issuer.'],
    [{ iss: 'https://second.example/' }, 'The token comes from another issuer.'],
    [{ aud: 'run-evaluation another-api' }, AUDIENCE],
    [{ aud: [] }, AUDIENCE],
  ])('are not accepted in any other form: %o', async (changed, error) => {
    const row = await storeEvaluation();
    const send = workerWithKeys([pair.jwk], settings);

    const token = await pair.sign(scoped(changed));
    await expectRefusedUpdate(row, await putValue(row, 9, token), invalidToken(error), send);
  });

  it('keep the accounts of two tenants with one key set apart: neither reads nor changes what is the other one’s', async () => {
    const send = workerWithKeys([pair.jwk], { ...settings, JWT_ACCOUNT_CLAIM: 'tid' });
    const row = await storeEvaluation({ account_id: 'tenant-1' });
    const first = await pair.sign(scoped({ tid: 'tenant-1' }));
    const second = await pair.sign(
      scoped({ iss: 'https://second.example', tid: 'tenant-2', account_id: 'tenant-1' }),
    );

    await expectRefusedUpdate(row, await putValue(row, 9, second), NOT_FOUND, send);
    expect((await send(await putValue(row, 9, first))).status).toBe(200);
  });
});

describe('JWT_CLIENT_CLAIM and JWT_CLIENTS', () => {
  const clients = { JWT_CLIENT_CLAIM: 'azp', JWT_CLIENTS: 'web-app batch-job' };
  const error = 'The token comes from another client.';

  it('take the place of the audience: any of the clients, whatever the audience', async () => {
    const row = await storeEvaluation();
    const send = workerWithKeys([pair.jwk], { ...clients, JWT_AUDIENCE: '' });

    for (const azp of ['web-app', 'batch-job']) {
      const token = await pair.sign(scoped({ azp, aud: 'anything' }));
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
  ])('are both required where both are set: refuses %s', async (_, changed, sentence) => {
    const row = await storeEvaluation();
    const send = workerWithKeys([pair.jwk], clients);

    const token = await pair.sign(scoped(changed));
    await expectRefusedUpdate(row, await putValue(row, 9, token), invalidToken(sentence), send);
  });

  it('are checked with a secret too', async () => {
    const row = await storeEvaluation();
    const send = workerWith(clients);

    const token = await mintToken({ azp: 'another' });
    await expectRefusedUpdate(row, await putValue(row, 9, token), invalidToken(error), send);
    expect((await send(await putValue(row, 9, await mintToken({ azp: 'web-app' })))).status).toBe(
      200,
    );
  });
});

describe('JWT_HEADER', () => {
  const header = 'Cf-Access-Jwt-Assertion';
  const send = workerWith({ JWT_HEADER: header });
  const none = { ...NO_CREDENTIALS, error: `Send the header ${header}: <JWT>.` };
  const put = async (row: Row, headers: Record<string, string | null>) =>
    request(pathOf(row), { body: '{"value":9}', headers });

  it('is the one header that is read, whatever is in Authorization', async () => {
    const row = await storeEvaluation();
    const token = await mintToken();

    await expectRefusedUpdate(row, await put(row, {}), none, send);
    await expectRefusedUpdate(
      row,
      await put(row, { [header]: await mintToken({ exp: 1 }) }),
      invalidToken('The token has expired.'),
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
  ])('holds the token and nothing else: refuses %s', async (_, value) => {
    const row = await storeEvaluation();
    const sent = await put(row, { [header]: value(await mintToken()), authorization: null });

    await expectRefusedUpdate(row, sent, invalidToken(NOT_A_JWT), send);
  });

  it('may have 16,384 characters and no more', async () => {
    const row = await storeEvaluation();
    const [longest, longer] = [await mintLong(16_384), await mintLong(16_385)];

    await expectRefusedUpdate(
      row,
      await put(row, { [header]: longer, authorization: null }),
      invalidToken('The token is longer than 16384 characters.'),
      send,
    );
    const sent = await put(row, { [header]: longest, authorization: null });
    expect((await send(sent)).status).toBe(200);
  });

  it('is not read where the deployment does not name it', async () => {
    const row = await storeEvaluation();
    const sent = await put(row, { [header]: await mintToken(), authorization: null });

    await expectRefusedUpdate(row, sent, NO_CREDENTIALS);
  });

  it.each(['Authorization', 'authorization', ' '])(
    'may be left at Authorization: %s',
    async (name) => {
      const row = await storeEvaluation();

      expect((await workerWith({ JWT_HEADER: name })(await putValue(row, 9))).status).toBe(200);
    },
  );
});

describe('JWT_RUN_CLAIM', () => {
  it('names the restriction to one run, for an issuer whose run_id is something else', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ JWT_RUN_CLAIM: 'evaluation_run_id' });
    const put = async (evaluation_run_id: unknown) =>
      putValue(row, 9, await mintToken({ run_id: '1234567890', evaluation_run_id }));

    await expectRefusedUpdate(row, await put(crypto.randomUUID()), NOT_FOUND, send);
    const sentence = "The token's claim evaluation_run_id must be a UUID.";
    await expectRefusedUpdate(row, await put(null), invalidToken(sentence), send);
    expect((await send(await put(row.run_id))).status).toBe(200);
    expect((await send(await put(undefined))).status).toBe(200);
  });
});

/** A token that is exactly so long. */
async function mintLong(characters: number): Promise<string> {
  const pad = (length: number) => mintToken({ pad: 'x'.repeat(length) });
  const short = await pad(0);
  // Three bytes of a claim are four characters of a token.
  const token = await pad(Math.floor(((characters - short.length) * 3) / 4));
  const next = await pad(Math.floor(((characters - short.length) * 3) / 4) + 1);
  const found = [token, next].find(({ length }) => length === characters);
  if (found === undefined) throw new Error(`no token of ${characters} characters`);
  return found;
}

describe('a long token', () => {
  it('is accepted with the 157 groups that Entra puts into it', async () => {
    const row = await storeEvaluation();
    const groups = Array.from({ length: 157 }, () => crypto.randomUUID());
    const token = await mintToken({ groups });

    expect(token.length).toBeGreaterThan(8192);
    expect((await worker(await putValue(row, 9, token))).status).toBe(200);
  });

  it('may have 16,384 characters and no more', async () => {
    const row = await storeEvaluation();
    const [longest, longer] = [await mintLong(16_384), await mintLong(16_385)];

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, longer),
      invalidToken('The token is longer than 16384 characters.'),
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
  ])('is refused: %s', async (_, changed) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await mintToken(changed)),
      invalidToken(NO_ACCESS_TOKEN),
    );
  });

  it.each([
    { token_use: 'id' },
    { token_use: 'id', typ: 'Bearer' },
    { typ: 'ID' },
    { typ: 'id' },
    { typ: 'Refresh' },
    { typ: 'Offline' },
  ])('is refused by %o, although its header says that it is an access token', async (changed) => {
    const row = await storeEvaluation();
    const token = await mintToken(changed, { typ: 'at+jwt' });

    await expectRefusedUpdate(row, await putValue(row, 9, token), invalidToken(NO_ACCESS_TOKEN));
  });

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
  ])('is not meant by %o', async (changed) => {
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
  ])('is accepted, because it says what it is: claims %o, header %o', async (changed, header) => {
    const row = await storeEvaluation();

    for (const copied of [{ nonce: '7f0c1d5e' }, { at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }]) {
      const token = await mintToken({ ...changed, ...copied }, header);
      expect((await worker(await putValue(row, 9, token))).status).toBe(200);
    }
  });
});

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
  ])('verifies %s, also with a key that names no algorithm', async (alg) => {
    const row = await storeEvaluation();
    const signer = await keyPair(alg, 'key-a');
    const send = workerWithKeys([
      pair.jwk,
      { ...signer.jwk, alg, use: 'sig', key_ops: ['verify'] },
    ]);

    expect((await send(await putValue(row, 9, await signer.sign(scoped())))).status).toBe(200);
    expect(
      (await workerWithKeys([signer.jwk])(await putValue(row, 9, await signer.sign(scoped()))))
        .status,
    ).toBe(200);
    const forged = await (await keyPair(alg, 'key-a')).sign(scoped());
    await expectRefusedUpdate(
      { ...row },
      await putValue(row, 1, forged),
      invalidToken(SIGNATURE),
      send,
    );
  });

  it('verifies with two keys side by side, and refuses the one that is removed', async () => {
    const row = await storeEvaluation();
    const next = await keyPair('ES256', 'key-2');

    expect(
      (
        await workerWithKeys([pair.jwk, next.jwk])(
          await putValue(row, 1, await pair.sign(scoped())),
        )
      ).status,
    ).toBe(200);
    expect(
      (
        await workerWithKeys([pair.jwk, next.jwk])(
          await putValue(row, 2, await next.sign(scoped())),
        )
      ).status,
    ).toBe(200);
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
    const pss = await keyPair('PS256', 'key-1');
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

describe('JWT_REQUIRED_SCOPE', () => {
  const send = workerWith({ JWT_REQUIRED_SCOPE: 'evaluations:write' });
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
  ])('accepts %o', async (scope) => {
    const row = await storeEvaluation();
    expect((await send(await putValue(row, 9, await mintToken(scope)))).status).toBe(200);
  });

  it('is checked after verification: an expired token is 401', async () => {
    const row = await storeEvaluation();
    const expired = await mintToken({ exp: now() - 60 });
    await expectRefusedUpdate(
      row,
      await putValue(row, 9, expired),
      invalidToken('The token has expired.'),
      send,
    );
  });
});

describe('the log of a refused token', () => {
  it('has at most 128 characters of a key id', async () => {
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
    'says which claim was expected to be what, and what it was: %s',
    async (_, changed, expected) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'log');
      const send = workerWithKeys([pair.jwk], {
        JWT_AUDIENCE: 'run-evaluation another-api',
        JWT_CLIENT_CLAIM: 'azp',
        JWT_CLIENTS: 'web-app batch-job',
      });
      const token = await pair.sign(scoped({ azp: 'web-app', ...changed }));

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

  it("has jose's code and the key id, and never the token", async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');
    const token = await mintToken({ exp: now() - 60 }, { kid: 'key-9' });

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

describe('the log of a key that is not found', () => {
  it.each([
    ['key_unknown', { kid: 'another' }],
    ['key_ambiguous', {}],
  ])('says why: %s', async (code, header) => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');
    const other = await keyPair('ES256', 'key-2');

    await workerWithKeys([pair.jwk, other.jwk])(
      await putValue(row, 9, await pair.sign(scoped(), { kid: undefined, ...header })),
    );

    expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({
      refusal: 'invalid_token',
      code,
    });
  });
});

describe('a configuration fault', () => {
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
  ])(
    'is 500 for everyone: %s; the log names %s and the command that fixes it',
    async (_, setting, settings) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const fetched = vi.spyOn(globalThis, 'fetch');
      const send = workerWith(settings);

      for (const secret of [SECRET, short]) {
        const token = await (await hmac(secret)).sign(scoped());
        await expectRefusedUpdate(row, await putValue(row, 9, token), INTERNAL_ERROR, send);
      }
      await expectRefusedUpdate(
        row,
        await request(pathOf(row), { headers: { authorization: null } }),
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
    ['holds no key that could verify a token', '{"keys":[]}'],
    ['holds a private or symmetric key', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'],
    ['holds more than 64 keys', JSON.stringify({ keys: Array(65).fill({}) })],
  ])('says what is wrong with a key set: %s', async (fault, keys) => {
    const logged = vi.spyOn(console, 'error');

    await workerWith(inline(keys))(await putValue(await storeEvaluation(), 9));

    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toContain(
      `JWT_JWKS ${fault}: run`,
    );
  });

  it('says that an RSA key is too short', async () => {
    const logged = vi.spyOn(console, 'error');
    const { jwk } = await keyPair('RS256', 'key-1', 1024);

    await workerWithKeys([jwk])(await putValue(await storeEvaluation(), 9));

    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toContain(
      'JWT_JWKS holds an RSA key under 2048 bits: run',
    );
  });

  it.each<[string, string, () => Promise<object[]>]>([
    [
      'two EC keys',
      'two keys for ES256 with the kid key-1',
      async () => [pair.jwk, (await keyPair('ES256', 'key-1')).jwk],
    ],
    ['one key twice', 'two keys for ES256 with the kid key-1', async () => [pair.jwk, pair.jwk]],
    [
      'an RSA key for any algorithm and one for PS512',
      'two keys for PS512 with the kid a',
      async () => {
        const [any, one] = [await keyPair('RS256', 'a'), await keyPair('PS512', 'a')];
        return [pair.jwk, any.jwk, { ...one.jwk, alg: 'PS512' }];
      },
    ],
    [
      'a kid that would break the line',
      `two keys for ES256 with the kid \\u000a${'x'.repeat(194)}:`,
      async () => [1, 2].map(() => ({ ...pair.jwk, kid: `\n${'x'.repeat(500)}` })),
    ],
  ])(
    'is 500 for everyone: two keys that fit one algorithm have one kid, which the log names: %s',
    async (_, fault, keys) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const send = workerWithKeys(await keys());

      const sent = await putValue(row, 9, await pair.sign(scoped()));
      await expectRefusedUpdate(row, sent, INTERNAL_ERROR, send);

      const { refusal, cause } = JSON.parse(String(logged.mock.calls.flat()[0]));
      expect(refusal).toBe('misconfigured');
      expect(cause).toContain(`JWT_JWKS has ${fault}`);
      expect(cause).toContain(': give each key a kid of its own: run `npx wrangler secret put');
    },
  );

  it('is 500 for everyone: a symmetric key among good ones', async () => {
    const row = await storeEvaluation();
    const send = workerWithKeys([pair.jwk, { kty: 'oct', kid: 'key-2', k: 'c2VjcmV0' }]);

    await expectRefusedUpdate(
      row,
      await putValue(row, 9, await pair.sign(scoped())),
      INTERNAL_ERROR,
      send,
    );
  });

  it('does not quote a broken key set in the log, which may hold a private key', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const { d } = await privateJwk();

    await workerWith(inline(`${d}{"keys":[`))(await putValue(row, 9, await pair.sign(scoped())));

    expect(String(logged.mock.calls.flat())).toContain('JWT_JWKS is not a JSON Web Key Set');
    expect(String(logged.mock.calls.flat())).not.toContain(d?.slice(0, 8));
  });

  it.each(['private', 'small'])(
    'is 500 for everyone: a key set with a %s key, of which nothing gets into the log',
    async (kind) => {
      const row = await storeEvaluation();
      const logged = vi.spyOn(console, 'error');
      const jwk =
        kind === 'private' ? await privateJwk() : (await keyPair('RS256', 'key-1', 1024)).jwk;

      await expectRefusedUpdate(
        row,
        await putValue(row, 9, await pair.sign(scoped())),
        INTERNAL_ERROR,
        workerWithKeys([pair.jwk, jwk]),
      );

      const lines = logged.mock.calls.flat().join();
      expect(lines).toContain('JWT_JWKS');
      expect(lines).not.toContain(jwk.d ?? jwk.n);
    },
  );
});
