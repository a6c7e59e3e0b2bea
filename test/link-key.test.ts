/** Tests forged and damaged keys of links. The answer and the log contain no part of the key. */
import { describe, expect, it, vi } from 'vitest';
import {
  INTERNAL_ERROR,
  LINK_INCOMPLETE,
  LINK_NOT_FOUND,
  makeInvalidToken,
} from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import {
  answer,
  BROWSER,
  createLinkTo,
  open,
  post,
  readKey,
  signLink,
  visit,
} from './support/links.ts';
import { LINK_SECRET, SECRET } from './support/secret.ts';
import { base64url, createHmac, makeKeyPair } from './support/signer.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  createWorker,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  type Row,
  readEvaluation,
  readState,
  request,
  requirePresent,
  seconds,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const HEADER = { alg: 'HS256', typ: 'link' };
const addAnHour = () => (seconds(new Date()) + 3600) * 1000;
const encodeUtf8 = (value: object) => new TextEncoder().encode(JSON.stringify(value));
const encodeHex = (uuid: string) => uuid.replaceAll('-', '');
/** Makes a link id, which begins with the time of expiry in milliseconds since 1970. */
const makeLinkId = (expires: number) =>
  `${expires.toString(16).padStart(12, '0')}8${encodeHex(crypto.randomUUID()).slice(13)}`;

type Content = { id: string; evaluation: string; texts: readonly string[] };
/** Builds the content of a key, in the format of src/link/README.md. */
const buildPayload = (row: Row, changed: Partial<Content> = {}): Uint8Array => {
  const { id, evaluation, texts } = {
    id: makeLinkId(addAnHour()),
    evaluation: encodeHex(row.id),
    texts: [ACCOUNT, 'user-123'],
    ...changed,
  };
  const separated = texts.flatMap((text) => [0xff, ...new TextEncoder().encode(text)]).slice(1);
  return new Uint8Array([...Uint8Array.fromHex(id + evaluation), ...separated]);
};

type Signing = { header?: object; secret?: string; alg?: string };
async function signBytes(
  bytes: Uint8Array | string,
  { header = {}, secret = LINK_SECRET, alg = 'HS256' }: Signing = {},
): Promise<string> {
  const jws = await (await createHmac(secret, alg)).sign(bytes, { ...HEADER, alg, ...header });
  return jws.slice(jws.indexOf('.') + 1);
}
const signKey = (row: Row, changed: Partial<Content> = {}, signing: Signing = {}) =>
  signBytes(buildPayload(row, changed), signing);
const signWithTexts = (row: Row, ...texts: string[]) => signKey(row, { texts });
const signWithOptions = (row: Row, options: string) =>
  signWithTexts(row, ACCOUNT, 'user-123', options);

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const flipLastBit = (text: string) =>
  text.slice(0, -1) + BASE64URL[BASE64URL.indexOf(text.at(-1) ?? '') ^ 1];
const parts = async (row: Row) => {
  const [content = '', signature = ''] = (await signKey(row)).split('.');
  return { content, signature };
};
const removeHeader = (token: string) => token.slice(token.indexOf('.') + 1);

const HOSTILE: Record<string, (row: Row) => Promise<string>> = {
  'no base64url': async () => 'é'.repeat(300),
  'three parts': async (row) => `${await signKey(row)}.AAAA`,
  'a header before it': async (row) => `${base64url(encodeUtf8(HEADER))}.${await signKey(row)}`,
  'no content': async (row) => `.${(await parts(row)).signature}`,
  'no dot': async (row) => (await signKey(row)).replace('.', '*'),
  'a longer signature': async (row) => `${await signKey(row)}A`,
  'a padded signature': async (row) => `${await signKey(row)}=`,
  'another last bit of the signature': async (row) => flipLastBit(await signKey(row)),
  'another last bit of the content': async (row) => {
    // With an author of this length, the last base64url character of the content has unused bits.
    const author = 'x'.repeat(4 + 2 * (ACCOUNT.length % 3));
    const [content = '', signature] = (await signWithTexts(row, ACCOUNT, author)).split('.');
    return `${flipLastBit(content)}.${signature}`;
  },
  'white space before it': async (row) => ` ${await signKey(row)}`,
  'white space after it': async (row) => `${await signKey(row)}\n`,
  'the content of one and the signature of another': async (row) =>
    `${(await parts(await storeEvaluation())).content}.${(await parts(row)).signature}`,
  'the signature of another secret': (row) => signKey(row, {}, { secret: SECRET }),
  'the signature of a secret that begins with this one': (row) =>
    signKey(row, {}, { secret: `${LINK_SECRET}0` }),
  HS512: (row) => signKey(row, {}, { alg: 'HS512' }),
  'HS256 under a header that says HS512': (row) => signKey(row, {}, { header: { alg: 'HS512' } }),
  'a header that says none': (row) => signKey(row, {}, { header: { alg: 'none' } }),
  'a header without typ': (row) => signKey(row, {}, { header: { typ: undefined } }),
  'a header with the typ of a token': (row) => signKey(row, {}, { header: { typ: 'JWT' } }),
  'a header with the typ of an access token': (row) =>
    signKey(row, {}, { header: { typ: 'at+jwt' } }),
  'a header with a typ that begins like it': (row) =>
    signKey(row, {}, { header: { typ: 'link+jwt' } }),
  'a header with more in it': (row) => signKey(row, {}, { header: { kid: 'k' } }),
  'an access token': () => mintToken(),
  'an access token without its header': async (row) =>
    removeHeader(await mintToken({ run_id: row.run_id, evaluation_id: row.id })),
  'an access token by the secret of links, without its header': async (row) =>
    removeHeader(
      await (await createHmac(LINK_SECRET)).sign(
        { ...claims(), run_id: row.run_id },
        { typ: 'JWT' },
      ),
    ),
  'an access token of an issuer that has the secret and the typ of links': async () =>
    signBytes(JSON.stringify(claims())),
  expired: (row) => signKey(row, { id: makeLinkId(Date.now() - 1000) }),
  'expired this millisecond': (row) => signKey(row, { id: makeLinkId(Date.now()) }),
  'expired before there were times': (row) => signKey(row, { id: makeLinkId(0) }),
  'an account that has no such evaluation': (row) =>
    signWithTexts(row, 'acc_neighbour', 'user-123'),
  'another evaluation': (row) => signKey(row, { evaluation: encodeHex(crypto.randomUUID()) }),
  'the evaluation and the link exchanged': (row) =>
    signKey(row, { id: encodeHex(row.id), evaluation: makeLinkId(addAnHour()) }),
  'no author': (row) => signWithTexts(row, ACCOUNT),
  'neither account nor author': (row) => signWithTexts(row),
  'one text too many': (row) => signWithTexts(row, ACCOUNT, 'user-123', '{}', ''),
  'options that are no JSON': (row) => signWithOptions(row, '{'),
  'options that are no object': (row) => signWithOptions(row, '[]'),
  'options of null': (row) => signWithOptions(row, 'null'),
  'an option that this Worker does not have': (row) => signWithOptions(row, '{"only":1}'),
  'a pointer that is no text': (row) => signWithOptions(row, '{"pointer":1}'),
  'values that are no numbers': (row) => signWithOptions(row, '{"values":{"yes":"1"}}'),
  'one id alone': (row) => signBytes(buildPayload(row).subarray(0, 16)),
  'a part of an id': (row) => signBytes(buildPayload(row).subarray(0, 5)),
  'a key of 100,000 characters': (row) =>
    signKey(row, { texts: ['x'.repeat(75_000)] }, { secret: SECRET }),
};

/** The logged `code` must contain no text from a key, because anybody can send a key. */
const LOGGED = expect.stringMatching(/^(?:ERR_[A-Z_]+|malformed|expired|payload|gone)$/);

const buildUrl = (key: string) => `https://api.test/v1/link?key=${encodeURIComponent(key)}`;

describe('a hostile key', () => {
  it.each(Object.entries(HOSTILE))(
    'opens nothing with a hostile key, and every use gets the same answer: %s',
    async (_, keyFor) => {
      const row = await storeEvaluation();
      const url = buildUrl(await keyFor(row));
      const before = await readState(row);
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

      expect(await readState(row)).toEqual(before);
      for (const line of logged.mock.calls.flat().map(String)) {
        expect(JSON.parse(line)).toMatchObject({ status: 404, refusal: 'not_found', code: LOGGED });
        for (const part of (await keyFor(row)).split('.'))
          expect(part.length > 8 && line.includes(part)).toBe(false);
      }
    },
  );

  it('answers every hostile key with the same bytes, but for the request id', async () => {
    const row = await storeEvaluation();
    const bytes = await Promise.all(
      Object.values(HOSTILE).map(async (keyFor) => {
        const response = await worker(
          post(buildUrl(await keyFor(row)), { value: 9 }, { 'x-request-id': 'same-for-all' }),
        );
        return JSON.stringify([response.status, [...response.headers], await response.text()]);
      }),
    );

    expect(new Set(bytes).size).toBe(1);
  });

  it('opens the evaluation with the unchanged key that the hostile ones are made of', async () => {
    const row = await storeEvaluation();

    expect((await worker(post(buildUrl(await signKey(row)), { value: 9 }))).status).toBe(200);
    const options = '{"values":{"yes":8},"pointer":"/a"}';
    const sent = post(buildUrl(await signWithOptions(row, options)), { a: 'yes' });
    expect((await worker(sent)).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 8 });
  });
});

describe('a key whose end was cut off', () => {
  it('refuses a cut key with one sentence wherever it was cut, and stores nothing', async () => {
    const row = await storeEvaluation();
    const key = await signKey(row);
    const logged = vi.spyOn(console, 'log');

    for (let length = 0; length < key.length; length += 1)
      await expectRefusedUpdate(
        row,
        post(buildUrl(key.slice(0, length)), { value: 9 }),
        LINK_INCOMPLETE,
      );
    await expectRefusedUpdate(row, post('https://api.test/v1/link', { value: 9 }), LINK_INCOMPLETE);

    const lines = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(lines).toHaveLength(key.length + 1);
    for (const line of lines) {
      expect(line).toMatchObject({ status: 400, refusal: 'malformed', code: 'incomplete' });
      expect(line).not.toHaveProperty('db_calls');
    }
  });

  it('refuses a cut key with one sentence, whether it is ours, forged or no key at all', async () => {
    const row = await storeEvaluation();
    const [ours, forged] = [await signKey(row), await signKey(row, {}, { secret: SECRET })];

    for (const key of [ours.slice(0, -1), forged.slice(0, -1), 'x', 'e30.e30', '', '.'])
      await expectRefusal(await worker(post(buildUrl(key), { value: 9 })), LINK_INCOMPLETE);
  });

  it('shows a person with a cut key a page about it, whether the person opens the link or answers', async () => {
    const row = await storeEvaluation();
    const url = buildUrl((await signKey(row)).slice(0, 100));

    for (const sent of [open(url), answer(url, row.created_at, '9')]) {
      const response = await worker(sent);
      expect(response.status).toBe(400);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(await response.text()).toContain(LINK_INCOMPLETE.error);
    }
    expect(await readEvaluation(row.id)).toEqual(row);
  });
});

describe('a key of a link', () => {
  it('every operation refuses the key of a link as a token', async () => {
    const row = await storeEvaluation();
    const key = readKey((await createLinkTo(row)).url);
    for (const [token, error] of [
      [key, 'The bearer token is not a well-formed JWT.'],
      [`${base64url(encodeUtf8(HEADER))}.${key}`, 'The token is a JWT of another kind (typ).'],
    ] as const) {
      const headers = { authorization: `Bearer ${token}` };
      const sent = await request(buildPath(row), { body: '{"value":9}', headers });
      await expectRefusedUpdate(row, sent, makeInvalidToken(error));
    }
  });

  it('refuses the key of a link as a token also if the secret of tokens signed it', async () => {
    const row = await storeEvaluation();
    const token = await (await createHmac(SECRET)).sign(claims({ run_id: row.run_id }), HEADER);
    const sent = await request(buildPath(row), {
      body: '{"value":9}',
      headers: { authorization: `Bearer ${token}` },
    });

    await expectRefusedUpdate(
      row,
      sent,
      makeInvalidToken('The token is a JWT of another kind (typ).'),
    );
  });

  it('opens only the evaluation of the key, and no other of its run', async () => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });

    await worker(
      post((await createLinkTo(row)).url, { value: 9, id: sibling.id, evaluation_id: sibling.id }),
    );

    expect(await readEvaluation(sibling.id)).toEqual(sibling);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it('accepts a key until the second in which it expires, and not in it', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    const send = createWorker({}, clock);
    const token = await mintToken({ exp: claims({}, clock.now()).exp });
    const { url, expires_at } = await createLinkTo(row, { expires_in: 60 }, token, send);
    const left = () => (Date.parse(expires_at) - clock.now().getTime()) / 1000;

    clock.advance(left() - 0.001);
    expect((await send(post(url, { value: 8 }))).status).toBe(200);
    clock.advance(left());
    await expectRefusedUpdate(
      requirePresent(await readEvaluation(row.id)),
      post(url, { value: 9 }),
      LINK_NOT_FOUND,
      send,
    );
  });

  it('refuses a key if the secret has changed', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    await expectRefusedUpdate(
      row,
      post(url, { value: 9 }),
      LINK_NOT_FOUND,
      createWorker({ LINK_SECRET: 'n'.repeat(32) }),
    );
  });

  it('refuses a key that does not verify without a call to D1', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'log');
    await worker(post(buildUrl(await signKey(row, {}, { secret: SECRET })), { value: 9 }));
    await worker(post(await signLink(row, { evaluation_id: crypto.randomUUID() }), { value: 9 }));

    const [forged, foreign] = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(forged).not.toHaveProperty('db_calls');
    expect(foreign).toMatchObject({ db_calls: 1, code: 'gone' });
  });

  it('reads the key of a link from the query alone', async () => {
    const row = await storeEvaluation();
    const key = await signKey(row);
    const headers = { authorization: `Bearer ${key}`, cookie: `key=${key}`, 'x-key': key };

    await expectRefusedUpdate(
      row,
      post('https://api.test/v1/link', { value: 9, key }, headers),
      LINK_INCOMPLETE,
    );
  });

  it('accepts the key of a link beside tokens of a key set', async () => {
    const row = await storeEvaluation();
    const { jwk } = await makeKeyPair('ES256', 'k');
    const send = createWorker({
      JWT_SECRET: '',
      JWT_JWKS: JSON.stringify({ keys: [jwk] }),
      JWT_ISSUER: 'i',
      JWT_AUDIENCE: 'a',
    });

    expect((await send(post(buildUrl(await signKey(row)), { value: 9 }))).status).toBe(200);
  });

  it('refuses the key of a link while another setting is wrong', async () => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(
      row,
      post(buildUrl(await signKey(row)), { value: 9 }),
      INTERNAL_ERROR,
      createWorker({ JWT_SECRET: '' }),
    );
  });

  it('writes only the ids, the account, the author and what is no default into a key', async () => {
    const row = await storeEvaluation();
    const plain = await createLinkTo(row);
    const link = await createLinkTo(row, { name: 'anna', pointer: '/a', values: { yes: 1 } });
    const readContent = async (texts: string[], { id }: { id: string }) =>
      base64url(buildPayload(row, { id: encodeHex(id), texts }));

    expect(readKey(plain.url).split('.')).toEqual([
      await readContent([row.account_id, 'user-123'], plain),
      expect.stringMatching(/^[\w-]{43}$/),
    ]);
    const options = '{"pointer":"/a","values":{"yes":1}}';
    expect(readKey(link.url).split('.')[0]).toBe(
      await readContent([row.account_id, 'user-123/anna', options], link),
    );
    expect(link.id.slice(0, 13).replace('-', '')).toBe(
      Date.parse(link.expires_at).toString(16).padStart(12, '0'),
    );
  });

  it.each(['', '/value', '/', '/value/0', '/{}'])(
    'keeps the pointer %j in a key as it is, whether or not it is the default',
    async (pointer) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row, { pointer });

      const { error } = await (await worker(post(url, []))).json<{ error: string }>();

      expect(error).toMatch(pointer === '' ? /^The body is / : `What ${pointer} finds in the body`);
    },
  );

  it('keeps an account and an author of any characters in a key as they are', async () => {
    const texts = [
      'a',
      'é',
      '💥',
      '"',
      '\\',
      '\n',
      '\0',
      ' ',
      '\ufffd',
      '\ufeff',
      '\u00ff',
      '{}',
      '["',
      ',',
    ];
    for (const text of texts) {
      const account = `${text}acc${text}`;
      const sub = `${text}${crypto.randomUUID()}${text}`;
      const row = await storeEvaluation({ account_id: account });
      const token = await mintToken({ account_id: account, sub });
      const { url } = await createLinkTo(row, {}, token);

      expect((await worker(post(url, { value: 9 }))).status).toBe(200);
      expect(await readEvaluation(row.id)).toMatchObject({ value: 9, updated_by: sub });
    }
  });
});
