/** Tests a link with conditions: the Worker ignores a body that does not meet all conditions. */
import { describe, expect, it, vi } from 'vitest';
import { LINK_NOT_FOUND } from './support/answers.ts';
import { interceptD1 } from './support/d1.ts';
import { answer, createLinkTo, post, visit } from './support/links.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  readEvaluation,
  request,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

describe('the conditions of a link', () => {
  it('returns the conditions of a link to its creator', async () => {
    const row = await storeEvaluation();
    const where = {
      '': null,
      '/a~1b/0': ['x', 1, -0.5, true, false, null],
      '/id': Number.MAX_SAFE_INTEGER,
      '/é💥': '',
    };

    expect(await createLinkTo(row, { where })).toMatchObject({ where });
    expect(await createLinkTo(row)).not.toHaveProperty('where');
  });

  it.each([
    [{ '/a': 119 }, '{"a":119}'],
    [{ '/a': 119 }, '{"a":1.19e2}'],
    [{ '/a': 0 }, '{"a":-0.0}'],
    [{ '/a': '119' }, '{"a":"119"}'],
    [{ '/a': null }, '{"a":null}'],
    [{ '/a': false }, '{"a":false}'],
    [{ '/a': ['y', 'x'] }, '{"a":"x"}'],
    [{ '/a/b': ['y', 1, null] }, '{"a":{"b":null}}'],
    [{ '/a/1': 2, '/a/0': 1 }, '{"a":[1,2]}'],
    [{ '/__proto__': 1 }, '{"__proto__":1}'],
    [{}, '{}'],
  ])('accepts a body that meets a condition: %j in %s', async (where, body) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where });

    const sent = body === '{}' ? '{"value":9}' : body.replace(/\}$/, ',"value":9}');
    expect((await worker(post(url, sent))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it.each([
    [{ '/a': 119 }, '{"a":"119"}'],
    [{ '/a': '119' }, '{"a":119}'],
    [{ '/a': 119 }, '{"a":120}'],
    [{ '/a': 1 }, '{"a":true}'],
    [{ '/a': 0 }, '{"a":false}'],
    [{ '/a': 0 }, '{"a":null}'],
    [{ '/a': 0 }, '{"a":""}'],
    [{ '/a': null }, '{}'],
    [{ '/a': null }, '{"a":"null"}'],
    [{ '/a': '' }, '{}'],
    [{ '/a': 'x' }, '{"a":["x"]}'],
    [{ '/a': ['x', 'y'] }, '{"a":["x","y"]}'],
    [{ '/a': 'x' }, '{"a":{"x":1}}'],
    [{ '/a': 'x' }, '{"a":"X"}'],
    [{ '/a': 'é' }, '{"a":"e\\u0301"}'],
    [{ '/a': Number.MAX_SAFE_INTEGER }, '{"a":9007199254740992}'],
    [{ '/a/length': 1 }, '{"a":[1]}'],
    [{ '/constructor': null }, '{}'],
    [{ '/a': 1, '/b': 2 }, '{"a":1,"b":3}'],
    [{ '/a': 1, '/b': 2 }, '{"a":1}'],
    [{ '': 1 }, '{"a":1}'],
    [{ '/a': 1 }, '1'],
  ])(
    'answers 204 to a body that meets no condition, and stores nothing: %j in %s',
    async (where, body) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row, { where, pointer: '' });

      const response = await worker(post(url, body));

      expect([response.status, await response.text()]).toEqual([204, '']);
      expect(await readEvaluation(row.id)).toEqual(row);
    },
  );

  it('judges the conditions before the value, and ignores an event without a value', async () => {
    const row = await storeLabelled({ value_type: 'binary' });
    const where = { '/state': ['approved', 'rejected'] };
    const { url } = await createLinkTo(row, { pointer: '/state', values: { approved: 1 }, where });

    expect((await worker(post(url, { state: 'commented' }))).status).toBe(204);
    expect((await worker(post(url, { state: 'rejected' }))).status).toBe(422);
    expect((await worker(post(url, { state: 'approved' }))).status).toBe(200);
  });

  it('judges the conditions after the headers and the form of the body', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/a': 1 } });

    await expectRefusedUpdate(row, post(url, '{"a":'), {
      status: 400,
      error: 'The body must be valid JSON in UTF-8.',
    });
    await expectRefusedUpdate(row, post(url, { a: 2 }, { 'if-none-match': '*' }), {
      status: 400,
      error: 'This operation takes If-Match, not If-None-Match.',
    });
  });

  it('ignores a body without a call to D1, and logs the condition', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/a': 1, '/secret': 'b' } });
    const calls = vi.fn();
    const logged = vi.spyOn(console, 'log');

    const send = createWorker({ DB: interceptD1(DB, calls) });
    expect((await send(post(url, { a: 1, secret: 'of the sender' }))).status).toBe(204);

    expect(calls).not.toHaveBeenCalled();
    const text = logged.mock.calls.flat().join();
    expect(JSON.parse(text)).toMatchObject({ status: 204, ignored: '/secret', db_calls: 0 });
    expect(text).not.toContain('of the sender');
  });

  it('ignores a body that does not fit also if the link is revoked, and refuses one that fits', async () => {
    const row = await storeEvaluation();
    const { id, url } = await createLinkTo(row, { where: { '/a': 1 } });
    await worker(await request(`${buildPath(row)}/links/${id}`, { method: 'DELETE' }));

    expect((await worker(post(url, { a: 2, value: 9 }))).status).toBe(204);
    await expectRefusedUpdate(row, post(url, { a: 1, value: 9 }), LINK_NOT_FOUND);
  });

  it('tells nothing of the conditions to somebody whose key does not verify or has expired', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/a': 1 } });

    await expectRefusal(await worker(post(`${url}x`, { a: 2 })), LINK_NOT_FOUND);
  });

  it('does not apply the conditions to a person who answers on the page', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/a': 1 } });

    expect((await worker(answer(url, row.created_at, '9'))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it('applies the conditions to a body of another media type, and of none', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/a': 1 } });
    const body = '{"a":2,"value":9}';

    for (const type of ['text/plain', 'application/x-www-form-urlencoded', undefined]) {
      const headers = type === undefined ? {} : { 'content-type': type };
      expect((await worker(visit(url, { method: 'POST', body, headers }))).status).toBe(204);
    }
  });
});

describe('a link with a condition that cannot be', () => {
  const WHERE =
    'where must be an object of at most 8 JSON Pointers, each with a text, a number, true, false, null, or a list of 1 to 8 of these, such as {"/review/state":["approved","rejected"]}.';
  const NUMBER =
    'A number in where must be from -9007199254740991 to 9007199254740991: beyond these, different numbers are read as the same one.';

  it.each<[string, string]>([
    ['[]', WHERE],
    ['"a"', WHERE],
    ['{"a":1}', WHERE],
    ['{"/a~2":1}', WHERE],
    ['{"/a":{}}', WHERE],
    ['{"/a":[]}', WHERE],
    ['{"/a":[[1]]}', WHERE],
    ['{"/a":[1,2,3,4,5,6,7,8,9]}', WHERE],
    ['{"/1":1,"/2":1,"/3":1,"/4":1,"/5":1,"/6":1,"/7":1,"/8":1,"/9":1}', WHERE],
    ['{"__proto__":1}', WHERE],
    ['{"/a":9007199254740992}', NUMBER],
    ['{"/a":[-9007199254740993]}', NUMBER],
    ['{"/a":1e400}', NUMBER],
    [
      '{"/a":"\\ud83d"}',
      'each text of where must be Unicode text: one contains half of a surrogate pair.',
    ],
    [
      '{"/\\ud83d":1}',
      'each pointer of where must be Unicode text: it contains half of a surrogate pair.',
    ],
    [`{"/${'a'.repeat(256)}":1}`, 'each pointer of where must be at most 256 characters long.'],
  ])('refuses a malformed condition: %s', async (where, error) => {
    const row = await storeEvaluation();
    const body = `{"where":${where}}`;

    const sent = await request(`${buildPath(row)}/links`, { method: 'POST', body });
    await expectRefusedUpdate(row, sent, { status: 400, error });
  });
});
