/**
 * The key of a link: a matrix of hostile keys against every use of it. One answer for all, and
 * nothing of the key in it.
 */
import { describe, expect, it, vi } from 'vitest';
import { INTERNAL_ERROR, invalidToken, LINK_NOT_FOUND } from './support/answers.ts';
import { stillClock } from './support/clock.ts';
import { answer, BROWSER, keyOf, linkTo, open, post, signedLink, visit } from './support/links.ts';
import { LINK_SECRET, SECRET } from './support/secret.ts';
import { hmac, keyPair, unsigned } from './support/signer.ts';
import {
  ACCOUNT,
  claims,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  pathOf,
  present,
  type Row,
  readEvaluation,
  request,
  stateOf,
  storeEvaluation,
  worker,
  workerWith,
} from './support/worker.ts';

const HEADER = { alg: 'HS256', typ: 'link+jwt' };
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const payload = (row: Row, changed: object = {}) => ({
  jti: crypto.randomUUID(),
  exp: inAnHour(),
  account_id: ACCOUNT,
  sub: 'user-123',
  run_id: row.run_id,
  evaluation_id: row.id,
  pointer: '/value',
  values: {},
  ...changed,
});

const signed = async (row: Row, changed: object = {}, header: object = {}, secret = LINK_SECRET) =>
  (await hmac(secret)).sign(payload(row, changed), { ...HEADER, ...header });

const parts = async (row: Row) => (await signed(row)).split('.');

const HOSTILE: Record<string, (row: Row) => Promise<string | undefined>> = {
  'no key': async () => undefined,
  'an empty key': async () => '',
  'no JWT': async () => 'x',
  'two parts': async (row) => (await parts(row)).slice(0, 2).join('.'),
  'four parts': async (row) => `${await signed(row)}.AAAA`,
  'no signature': async (row) => `${(await parts(row)).slice(0, 2).join('.')}.`,
  'a cut signature': async (row) => (await signed(row)).slice(0, -4),
  'a padded signature': async (row) => `${await signed(row)}=`,
  'another last bit': async (row) => {
    const key = await signed(row);
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(
      key.at(-1) ?? '',
    );
    return (
      key.slice(0, -1) +
      'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[last + 1]
    );
  },
  'white space around it': async (row) => ` ${await signed(row)}`,
  'the claims of one and the signature of another': async (row) => {
    const [header, , signature] = await parts(row);
    const other = await storeEvaluation();
    return `${header}.${(await parts(other))[1]}.${signature}`;
  },
  'the signature of another secret': (row) => signed(row, {}, {}, SECRET),
  'the signature of a secret that begins with this one': (row) =>
    signed(row, {}, {}, `${LINK_SECRET}0`),
  'alg none': async (row) => `${unsigned({ ...HEADER, alg: 'none' }, payload(row))}.`,
  'alg none, signed': async (row) => signed(row, {}, { alg: 'none' }),
  HS512: async (row) =>
    (await hmac(LINK_SECRET, 'HS512')).sign(payload(row), HEADER.typ ? { typ: HEADER.typ } : {}),
  'HS256 over what says HS512': (row) => signed(row, {}, { alg: 'HS512' }),
  'a key pair of its own': async (row) => {
    const { sign, jwk } = await keyPair('ES256', 'k');
    return sign(payload(row), { typ: HEADER.typ, jwk });
  },
  'an extension that must be understood': (row) => signed(row, {}, { crit: ['x'], x: 1 }),
  'no typ': (row) => signed(row, {}, { typ: undefined }),
  'the typ of a token': (row) => signed(row, {}, { typ: 'JWT' }),
  'the typ of an access token': (row) => signed(row, {}, { typ: 'at+jwt' }),
  'a typ that begins like it': (row) => signed(row, {}, { typ: 'link+jwt+x' }),
  'an access token': () => mintToken(),
  'an access token for this evaluation': (row) =>
    mintToken({ run_id: row.run_id, evaluation_id: row.id }),
  'an access token by the secret of links': async (row) =>
    (await hmac(LINK_SECRET)).sign({ ...claims(), run_id: row.run_id, evaluation_id: row.id }),
  expired: (row) => signed(row, { exp: Math.floor(Date.now() / 1000) - 1 }),
  'expired this second': (row) => signed(row, { exp: Math.floor(Date.now() / 1000) }),
  'no exp': (row) => signed(row, { exp: undefined }),
  'exp as text': (row) => signed(row, { exp: `${inAnHour()}` }),
  'an exp that is no date': (row) => signed(row, { exp: 8_640_000_000_001 }),
  'not valid yet': (row) => signed(row, { nbf: inAnHour() }),
  'no jti': (row) => signed(row, { jti: undefined }),
  'no account': (row) => signed(row, { account_id: undefined }),
  'no author': (row) => signed(row, { sub: undefined }),
  'no run': (row) => signed(row, { run_id: undefined }),
  'no evaluation': (row) => signed(row, { evaluation_id: undefined }),
  'no pointer': (row) => signed(row, { pointer: undefined }),
  'values that are no numbers': (row) => signed(row, { values: { yes: '1' } }),
  'another account': (row) => signed(row, { account_id: 'acc_neighbour' }),
  'another run': (row) => signed(row, { run_id: crypto.randomUUID() }),
  'another evaluation': (row) => signed(row, { evaluation_id: crypto.randomUUID() }),
  'claims that are no object': async () => (await hmac(LINK_SECRET)).sign('[]', HEADER),
  'claims that are no JSON': async () => (await hmac(LINK_SECRET)).sign('{', HEADER),
  'a key of 100,000 characters': async (row) => signed(row, { x: 'x'.repeat(75_000) }, {}, SECRET),
};

/** What the log says is a word of jose's or of ours, in which a stranger has no say. */
const LOGGED = expect.stringMatching(/^(?:ERR_[A-Z_]+|malformed|claims|gone)$/);

const urlOf = (key: string | undefined) =>
  `https://api.test/v1/link${key === undefined ? '' : `?key=${encodeURIComponent(key)}`}`;

describe('a hostile key', () => {
  it.each(Object.entries(HOSTILE))(
    'opens nothing, whoever uses it, and each gets the same: %s',
    async (_, keyFor) => {
      const row = await storeEvaluation();
      const url = urlOf(await keyFor(row));
      const before = await stateOf(row);
      const logged = vi.spyOn(console, 'log');

      await expectRefusal(await worker(post(url, { value: 9 })), LINK_NOT_FOUND);
      await expectRefusal(
        await worker(visit(url, { headers: { accept: 'application/json' } })),
        LINK_NOT_FOUND,
      );
      const pages = [await worker(open(url)), await worker(answer(url, row.created_at, '9'))];
      const [page, other] = await Promise.all(pages.map((response) => response.text()));
      expect(pages.map(({ status }) => status)).toEqual([404, 404]);
      expect(other).toBe(page);
      expect(page).toContain(LINK_NOT_FOUND.error);
      expect((await worker(visit(url, { method: 'HEAD', headers: BROWSER }))).status).toBe(404);

      expect(await stateOf(row)).toEqual(before);
      for (const line of logged.mock.calls.flat().map(String)) {
        expect(JSON.parse(line)).toMatchObject({ status: 404, refusal: 'not_found', code: LOGGED });
        for (const part of (await keyFor(row))?.split('.') ?? [])
          expect(part.length > 8 && line.includes(part)).toBe(false);
      }
    },
  );

  it('gets the same bytes as every other, but for the request id', async () => {
    const row = await storeEvaluation();
    const bytes = await Promise.all(
      Object.values(HOSTILE).map(async (keyFor) => {
        const response = await worker(
          post(urlOf(await keyFor(row)), { value: 9 }, { 'x-request-id': 'same-for-all' }),
        );
        return JSON.stringify([response.status, [...response.headers], await response.text()]);
      }),
    );

    expect(new Set(bytes).size).toBe(1);
  });

  it('is not what makes the others fail: the same key, unchanged, opens its evaluation', async () => {
    const row = await storeEvaluation();

    expect((await worker(post(urlOf(await signed(row)), { value: 9 }))).status).toBe(200);
    expect(
      (
        await worker(
          post(urlOf(await signed(row, {}, { typ: 'application/link+jwt' })), { value: 9 }),
        )
      ).status,
    ).toBe(200);
  });
});

describe('a key of a link', () => {
  it('is no token: every operation refuses it as one', async () => {
    const row = await storeEvaluation();
    const key = keyOf((await linkTo(row)).url);
    const sent = await request(pathOf(row), {
      body: '{"value":9}',
      headers: { authorization: `Bearer ${key}` },
    });

    await expectRefusedUpdate(row, sent, invalidToken('The token is a JWT of another kind (typ).'));
  });

  it('is no token where the secret of tokens signed it either', async () => {
    const row = await storeEvaluation();
    const key = await signed(row, claims({ run_id: row.run_id }), {}, SECRET);
    const sent = await request(pathOf(row), {
      body: '{"value":9}',
      headers: { authorization: `Bearer ${key}` },
    });

    await expectRefusedUpdate(row, sent, invalidToken('The token is a JWT of another kind (typ).'));
  });

  it('opens its own evaluation, and no other of its run', async () => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });

    await worker(
      post((await linkTo(row)).url, { value: 9, id: sibling.id, evaluation_id: sibling.id }),
    );

    expect(await readEvaluation(sibling.id)).toEqual(sibling);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it('is valid until the second in which it expires, and not in it', async () => {
    const row = await storeEvaluation();
    const clock = stillClock();
    const send = workerWith({}, clock);
    const token = await mintToken({ exp: claims({}, clock.now()).exp });
    const { url, expires_at } = await linkTo(row, { expires_in: 60 }, token, send);
    const left = () => (Date.parse(expires_at) - clock.now().getTime()) / 1000;

    clock.advance(left() - 0.001);
    expect((await send(post(url, { value: 8 }))).status).toBe(200);
    clock.advance(left());
    await expectRefusedUpdate(
      present(await readEvaluation(row.id)),
      post(url, { value: 9 }),
      LINK_NOT_FOUND,
      send,
    );
  });

  it('is refused where the secret has changed', async () => {
    const row = await storeEvaluation();
    const { url } = await linkTo(row);

    await expectRefusedUpdate(
      row,
      post(url, { value: 9 }),
      LINK_NOT_FOUND,
      workerWith({ LINK_SECRET: 'n'.repeat(32) }),
    );
  });

  it('is refused without a call to D1, unless it verifies', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');
    await worker(post(urlOf(await signed(row, {}, {}, SECRET)), { value: 9 }));
    await worker(post(await signedLink(row, { evaluation_id: crypto.randomUUID() }), { value: 9 }));

    const [forged, foreign] = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(forged).not.toHaveProperty('db_calls');
    expect(foreign).toMatchObject({ db_calls: 1, code: 'gone' });
  });

  it('is read from the query alone', async () => {
    const row = await storeEvaluation();
    const key = await signed(row);
    const headers = { authorization: `Bearer ${key}`, cookie: `key=${key}`, 'x-key': key };

    await expectRefusedUpdate(
      row,
      post('https://api.test/v1/link', { value: 9, key }, headers),
      LINK_NOT_FOUND,
    );
  });

  it('works beside tokens of a key set', async () => {
    const row = await storeEvaluation();
    const { jwk } = await keyPair('ES256', 'k');
    const send = workerWith({
      JWT_SECRET: '',
      JWT_JWKS: JSON.stringify({ keys: [jwk] }),
      JWT_ISSUER: 'i',
      JWT_AUDIENCE: 'a',
    });

    expect((await send(post(urlOf(await signed(row)), { value: 9 }))).status).toBe(200);
  });

  it('is of no use while another setting is wrong', async () => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(
      row,
      post(urlOf(await signed(row)), { value: 9 }),
      INTERNAL_ERROR,
      workerWith({ JWT_SECRET: '' }),
    );
  });

  it('has the claims that a reader of it may see, and no others', async () => {
    const row = await storeEvaluation();
    const link = await linkTo(row, { name: 'anna', pointer: '/a', values: { yes: 1 } });
    const [header = '', body = ''] = keyOf(link.url).split('.');
    const decoded = (part: string) =>
      JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/')));

    expect(decoded(header)).toEqual(HEADER);
    expect(decoded(body)).toEqual({
      jti: link.id,
      exp: Date.parse(link.expires_at) / 1000,
      account_id: row.account_id,
      sub: 'user-123/anna',
      run_id: row.run_id,
      evaluation_id: row.id,
      pointer: '/a',
      values: { yes: 1 },
    });
  });
});
