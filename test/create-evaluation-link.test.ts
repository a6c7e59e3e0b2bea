/**
 * Tests createEvaluationLink. The URL contains everything about a link, so the database stores
 * nothing.
 */
import { describe, expect, it, vi } from 'vitest';
import {
  INTERNAL_ERROR,
  LINK_INCOMPLETE,
  makeUnprocessable,
  NOT_FOUND,
} from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { createLinkTo, post, readKey } from './support/links.ts';
import { SECRET } from './support/secret.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  createWorker,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  readEvaluation,
  readState,
  request,
  requirePresent,
  SUBJECT,
  seconds,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

const make = async (
  row: Awaited<ReturnType<typeof storeEvaluation>>,
  body?: object,
  claims: object = {},
) =>
  request(`${buildPath(row)}/links`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await mintToken({ ...claims })}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('createEvaluationLink', () => {
  it('makes a link for a week, to the value at /value, in the name of its maker, and stores nothing', async () => {
    const row = await storeEvaluation();
    const before = await readState(row);
    const clock = createStillClock();
    const headers = {
      authorization: `Bearer ${await mintToken({ exp: claims({}, clock.now()).exp })}`,
    };

    const response = await createWorker(
      {},
      clock,
    )(await request(`${buildPath(row)}/links`, { method: 'POST', headers, body: '{}' }));

    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({
      id: expect.stringMatching(UUID_V8),
      url: expect.stringMatching(/^https:\/\/api\.test\/v1\/link\?key=[\w-]+\.[\w-]{43}$/),
      expires_at: new Date(
        Math.floor(clock.now().getTime() / 1000) * 1000 + 604_800_000,
      ).toISOString(),
      run_id: row.run_id,
      evaluation_id: row.id,
      author: SUBJECT,
      pointer: '/value',
      values: {},
    });
    expect(await readState(row)).toEqual(before);
  });

  it('takes a name, a pointer, values and a time, each at its edges', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    const token = await mintToken(claims({}, clock.now()));
    const values = Object.fromEntries(
      Array.from({ length: 32 }, (_, index) => [`${index}`, 0.5 - index]),
    );

    for (const [expires_in, pointer] of [
      [60, ''],
      [7_776_000, `/${'a'.repeat(255)}`],
    ] as const) {
      const name = `A9_.@+-${'a'.repeat(57)}`;
      const body = { expires_in, name, pointer, values };
      const link = await createLinkTo(row, body, token, createWorker({}, clock));

      const expires_at = new Date((seconds(clock.now()) + expires_in) * 1000).toISOString();
      expect(link).toMatchObject({ author: `${SUBJECT}/${name}`, pointer, values, expires_at });
      expect(link.url.length).toBeLessThan(2000);
    }
  });

  const ON_WORKERS_DEV = 'https://run-evaluation.example-team.workers.dev';
  const AUTHORS = ['user-123', 'auth0|64f1c2a9b8e7d6c5a4b3c2d1', crypto.randomUUID()];

  it.each(
    [ACCOUNT, 'org_2vF9KxQ3mZ7pLw8NcR4tYb6H', crypto.randomUUID()].flatMap((account_id) =>
      AUTHORS.map((sub) => [account_id, sub] as const),
    ),
  )(
    'makes a link to /value whose URL has at most 255 characters on workers.dev, for the account %s and the author %s/anna',
    async (account_id, sub) => {
      const row = await storeEvaluation({ account_id });

      const { url } = await createLinkTo(
        row,
        { name: 'anna' },
        await mintToken({ account_id, sub }),
      );

      expect(url.replace('https://api.test', ON_WORKERS_DEV).length).toBeLessThanOrEqual(255);
    },
  );

  it('makes a link that works for a sender that stores 255 characters of its URL', async () => {
    const row = await storeLabelled({ min_value: 0, max_value: 10 });
    const { url } = await createLinkTo(row);

    const stored = url.replace('https://api.test', ON_WORKERS_DEV).slice(0, 255);

    expect((await worker(post(stored, { value: 7 }))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 7 });
  });

  it('tells a sender that stores 255 characters of a longer URL that the link is incomplete', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { pointer: `/${'a'.repeat(200)}` });

    await expectRefusedUpdate(row, post(url.slice(0, 255), { value: 7 }), LINK_INCOMPLETE);
  });

  it('takes an empty body, and null for what is left out', async () => {
    const row = await storeEvaluation();
    const nulls = { expires_in: null, name: null, pointer: null, values: null, where: null };

    for (const body of [undefined, {}, nulls]) {
      const response = await worker(await make(row, body));
      expect(response.status).toBe(201);
      expect(await response.json()).toMatchObject({
        author: SUBJECT,
        pointer: '/value',
        values: {},
      });
    }
  });

  it.each([
    [{ expires_in: 59 }, 'expires_in must be a whole number of seconds from 60 to 7776000.'],
    [{ expires_in: 7_776_001 }, 'expires_in must be a whole number of seconds from 60 to 7776000.'],
    [{ expires_in: 60.5 }, 'expires_in must be a whole number of seconds from 60 to 7776000.'],
    [{ expires_in: '60' }, 'expires_in must be a whole number of seconds from 60 to 7776000.'],
    [{ name: '' }, 'name must be 1 to 64 letters, digits, or any of . _ @ + -'],
    [{ name: 'a/b' }, 'name must be 1 to 64 letters, digits, or any of . _ @ + -'],
    [{ name: 'anna\n' }, 'name must be 1 to 64 letters, digits, or any of . _ @ + -'],
    [{ name: 'é' }, 'name must be 1 to 64 letters, digits, or any of . _ @ + -'],
    [{ name: 'a'.repeat(65) }, 'name must be 1 to 64 letters, digits, or any of . _ @ + -'],
    [
      { pointer: 'value' },
      'pointer must be a JSON Pointer (RFC 6901): empty, or /, followed by names with ~ written ~0 and / written ~1.',
    ],
    [
      { pointer: '/a~2' },
      'pointer must be a JSON Pointer (RFC 6901): empty, or /, followed by names with ~ written ~0 and / written ~1.',
    ],
    [{ pointer: `/${'a'.repeat(256)}` }, 'pointer must be at most 256 characters long.'],
    [{ pointer: 1 }, 'pointer must be a string.'],
    [
      { values: [1] },
      'values must be an object of at most 32 numbers, such as {"approved":1,"rejected":0}.',
    ],
    [
      { values: 'a' },
      'values must be an object of at most 32 numbers, such as {"approved":1,"rejected":0}.',
    ],
    [
      { values: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [index, 1])) },
      'values must be an object of at most 32 numbers, such as {"approved":1,"rejected":0}.',
    ],
    [{ values: { a: '1' } }, 'each of values must be a JSON number: send it without quotes.'],
    [{ values: { constructor: 1 } }, 'values cannot have the key constructor.'],
    ...['\ud83d', '\ude00', 'good \ud83d', '\ude00\ud83d'].map((key): [object, string] => [
      { values: { bad: 0, [key]: 1 } },
      'each key of values must be Unicode text: one contains half of a surrogate pair.',
    ]),
  ])('refuses %j, and names what it would accept', async (body, error) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await make(row, body), { status: 400, error });
  });

  it('refuses a body of white space, which is no JSON', async () => {
    const row = await storeEvaluation();
    const sent = await request(`${buildPath(row)}/links`, { method: 'POST', body: ' \n' });

    await expectRefusedUpdate(row, sent, {
      status: 400,
      error: 'The body must be valid JSON in UTF-8.',
    });
  });

  it('refuses the key __proto__ among the values, which a JavaScript object cannot contain', async () => {
    const row = await storeEvaluation();
    const sent = await request(`${buildPath(row)}/links`, {
      method: 'POST',
      body: '{"values":{"__proto__":1}}',
    });

    await expectRefusal(await worker(sent), {
      status: 400,
      error: 'values cannot have the key __proto__.',
    });
  });

  it.each(['id', 'url', 'expires_at', 'run_id', 'evaluation_id', 'author'])(
    'refuses another %s than the server sets',
    async (field) => {
      const row = await storeEvaluation();

      await expectRefusedUpdate(
        row,
        await make(row, { [field]: 'x' }),
        makeUnprocessable(`${field} is set by the server: leave it out.`),
      );
    },
  );

  it('makes a URL of 1,999 characters, and refuses one of 2,000, saying how long it would be', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { values: { '': 1 } });
    // The URL contains `values` in base64url, which writes three bytes as four characters.
    const most = Math.floor(((1999 - url.length) * 3) / 4);

    const lengths = [];
    for (let length = most - 2; length <= most + 2; length += 1) {
      const made = await (
        await worker(await make(row, { values: { ['x'.repeat(length)]: 1 } }))
      ).json<{
        url?: string;
        error?: string;
      }>();
      lengths.push(made.url?.length ?? made.error);
    }

    expect(lengths).toContain(1999);
    expect(lengths).toContain(
      'The URL of the link would be 2000 characters long and may be 1999: send a shorter name, pointer or path, or fewer or shorter values and conditions.',
    );
    expect(lengths.filter((length) => Number(length) >= 2000)).toEqual([]);
  });

  it('refuses a link to a token for one evaluation, and allows it to a token for the run', async () => {
    const row = await storeEvaluation();

    await expectRefusal(await worker(await make(row, {}, { evaluation_id: row.id })), NOT_FOUND);
    await expectRefusal(
      await worker(await make(row, {}, { run_id: crypto.randomUUID() })),
      NOT_FOUND,
    );
    expect((await worker(await make(row, {}, { run_id: row.run_id }))).status).toBe(201);
  });

  it('makes a different link for each request', async () => {
    const row = await storeEvaluation();
    const links = [await createLinkTo(row), await createLinkTo(row)];

    expect(new Set(links.map(({ id }) => id)).size).toBe(2);
    expect(new Set(links.map(({ url }) => url)).size).toBe(2);
  });

  it('leaves the id of the link in the log, and nothing of its key', async () => {
    const logged = vi.spyOn(console, 'log');
    const link = await createLinkTo(await storeEvaluation());
    const lines = logged.mock.calls.flat().map(String);

    expect(JSON.parse(requirePresent(lines.at(-1)))).toMatchObject({
      operation: 'createEvaluationLink',
      link: link.id,
      status: 201,
    });
    for (const part of readKey(link.url).split('.')) expect(lines.join()).not.toContain(part);
  });

  it('stores the author of a link of up to 320 characters', async () => {
    const row = await storeEvaluation();
    const [sub, name] = ['s'.repeat(255), 'n'.repeat(64)];
    const { url } = await createLinkTo(row, { name }, await mintToken({ sub }));

    expect((await worker(post(url, { value: 9 }))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9, updated_by: `${sub}/${name}` });
  });
});

describe('without LINK_SECRET', () => {
  const REFUSAL = {
    status: 404,
    error: 'This deployment has no links: its setting LINK_SECRET is missing.',
  };

  it.each(['', ' \n'])(
    'links are neither made nor revoked nor used, and each answer names the setting: %j',
    async (LINK_SECRET) => {
      const off = createWorker({ LINK_SECRET });
      const row = await storeEvaluation();
      const { id, url } = await createLinkTo(row);
      const revoke = await request(`${buildPath(row)}/links/${id}`, { method: 'DELETE' });

      await expectRefusedUpdate(row, await make(row, {}), REFUSAL, off);
      await expectRefusedUpdate(row, revoke, REFUSAL, off);
      await expectRefusedUpdate(row, post(url, { value: 9 }), REFUSAL, off);
      await expectRefusedUpdate(
        row,
        new Request(url, { headers: { accept: 'application/json' } }),
        REFUSAL,
        off,
      );
    },
  );

  it('serves everything but links without LINK_SECRET', async () => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), { body: '{"value":9}' });

    expect((await createWorker({ LINK_SECRET: '' })(sent)).status).toBe(200);
  });

  it.each([
    ['too short', 'x'.repeat(31), 'LINK_SECRET has 31 bytes and needs 32 or more'],
    ['too short in bytes', ` ${'é'.repeat(15)}\n`, 'LINK_SECRET has 30 bytes and needs 32 or more'],
    ['the secret of the tokens', SECRET, 'LINK_SECRET must not be the same as JWT_SECRET'],
    [
      'that with white space around it',
      ` ${SECRET}\n`,
      'LINK_SECRET must not be the same as JWT_SECRET',
    ],
  ])('answers 500 to every use of links if LINK_SECRET is %s', async (_, LINK_SECRET, cause) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const logged = vi.spyOn(console, 'error');
    const send = createWorker({ LINK_SECRET });

    await expectRefusedUpdate(row, await make(row, {}), INTERNAL_ERROR, send);
    await expectRefusedUpdate(row, post(url, { value: 9 }), INTERNAL_ERROR, send);

    for (const line of logged.mock.calls.flat().map(String)) expect(line).toContain(cause);
    expect(logged.mock.calls).toHaveLength(2);
  });
});
