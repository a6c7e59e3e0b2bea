/** Shared labels with several databases: in all of them after one request, or an error that makes repeating safe. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { countingD1, type Fate, flakyD1, interceptD1 } from './support/d1.ts';
import { accountIn, migrateSpares, SPARE_1, SPARE_2 } from './support/databases.ts';
import {
  expectRefusal,
  get,
  type Label,
  labelPathOf,
  mintToken,
  request,
  type Send,
  workerWith,
} from './support/worker.ts';

beforeAll(migrateSpares);

const THIRDS = '0-300=DB 301-600=DB_1 601-1023=DB_2';
const withThree = (settings: Parameters<typeof workerWith>[0] = {}) =>
  workerWith({ DB_1: SPARE_1, DB_2: SPARE_2, DATABASES: THIRDS, ...settings });
const all = withThree();

const authorize = async (account_id = 'shared') => ({ authorization: `Bearer ${await mintToken({ account_id })}` });

const create = async (send: Send, body: object = {}, headers: Record<string, string> = {}) => {
  const content = { name: 'tone', value_type: 'continuous', min_value: 1, ...body };
  const init = { method: 'POST', headers: { ...(await authorize()), ...headers }, body: JSON.stringify(content) };
  return send(await request('/v1/evaluation-labels', init));
};
const created = async (body?: object) => (await create(all, body)).json<Label>();
const update = async (send: Send, label: { readonly id: string }, body: object, headers: Record<string, string> = {}) =>
  send(
    await request(labelPathOf(label), { headers: { ...(await authorize()), ...headers }, body: JSON.stringify(body) }),
  );

/** The label as each database has it, with what never leaves them. */
const rowsOf = ({ id }: { readonly id: string }) =>
  Promise.all(
    [env.DB, SPARE_1, SPARE_2].map((db) =>
      db.prepare(`SELECT * FROM evaluation_label WHERE account_id = 'shared' AND id = ?`).bind(id).first(),
    ),
  );

/** Each database has the label, and all have the same. */
async function expectSame(label: { readonly id: string }, fields: object = {}): Promise<void> {
  const [first, ...others] = await rowsOf(label);
  expect(first).toMatchObject({ id: label.id, ...fields });
  for (const other of others) expect(other).toEqual(first);
}

const missingIn = ({ id }: { readonly id: string }, names: string) => ({
  status: 503,
  error: `The shared label ${id} is stored, but not in ${names}: send the same request again, with this id, which is safe.`,
  headers: { 'retry-after': '5' },
});

describe('a shared label', () => {
  it('is created in every database by one request, and serves the accounts of each', async () => {
    const label = await created();

    await expectSame(label, { name: 'tone', min_value: 1 });
    for (const [first, last] of [
      [0, 300],
      [301, 600],
      [601, 1023],
    ] as const) {
      const headers = await authorize(accountIn(first, last));
      expect(await (await all(await get(labelPathOf(label), headers))).json()).toEqual(label);
      const body = JSON.stringify({ evaluation_label_id: label.id, value: 1 });
      const path = `/v1/run/${crypto.randomUUID()}/evaluations`;
      expect((await all(await request(path, { method: 'POST', headers, body }))).status).toBe(201);
    }
  });

  it.each([
    { value_type: 'continuous', description: 'how it sounds', min_value: -1, max_value: 7.5 },
    { value_type: 'ordinal', min_value: undefined, categories: ['low', 'high'] },
    { value_type: 'binary', min_value: undefined },
  ])('is copied whole: $value_type', async (body) => {
    const label = await created(body);

    await expectSame(label, {
      ...body,
      min_value: body.min_value ?? null,
      categories: 'categories' in body ? JSON.stringify(body.categories) : null,
    });
  });

  it('is changed without a change of other labels, also of those with its id', async () => {
    const [inMain, inCopy] = [await authorize(accountIn(0, 300)), await authorize(accountIn(301, 600))];
    const [id, other] = [crypto.randomUUID(), await created()];
    const body = JSON.stringify({ id, name: 'own', value_type: 'continuous' });
    for (const headers of [inMain, inCopy])
      expect((await all(await request('/v1/evaluation-labels', { method: 'POST', headers, body }))).status).toBe(201);

    await created({ id });
    await update(all, { id }, { name: 'pitch' });

    await expectSame({ id }, { name: 'pitch' });
    await expectSame(other, { name: 'tone', updated_at: null });
    for (const headers of [inMain, inCopy])
      expect(await (await all(await get(labelPathOf({ id }), headers))).json()).toMatchObject({
        name: 'own',
        updated_by: null,
      });
  });

  it('is changed in every database by one request', async () => {
    const label = await created();

    expect((await update(all, label, { name: 'pitch', archived: true })).status).toBe(200);

    await expectSame(label, { name: 'pitch', updated_by: 'user-123' });
  });

  it('costs one call a database, and one more in the main one to read what is copied', async () => {
    const logged = vi.spyOn(console, 'log');
    const databases = [env.DB, SPARE_1, SPARE_2].map(countingD1);
    const [DB, DB_1, DB_2] = databases.map(({ db }) => db);

    await create(withThree({ DB, DB_1, DB_2 }));

    expect(databases.map(({ calls }) => calls)).toEqual([['batch', 'all'], ['batch'], ['batch']]);
    expect(JSON.parse(String(logged.mock.calls.flat()[0]))).toMatchObject({ database: 'DB', d1_calls: 4 });
  });

  it('is copied by nobody but a token of its account, and its reads ask one database', async () => {
    const label = await created();
    const databases = [env.DB, SPARE_1, SPARE_2].map(countingD1);
    const [DB, DB_1, DB_2] = databases.map(({ db }) => db);
    const send = withThree({ DB, DB_1, DB_2 });

    await send(await get(labelPathOf(label), await authorize()));
    const body = JSON.stringify({ name: 'own', value_type: 'binary' });
    await send(
      await request('/v1/evaluation-labels', { method: 'POST', headers: await authorize(accountIn(301, 600)), body }),
    );

    expect(databases.map(({ calls }) => calls)).toEqual([['all'], ['batch'], []]);
  });

  it('of an account that has the id already hides nothing: its own goes before, in its database', async () => {
    const headers = await authorize(accountIn(301, 600));
    const body = JSON.stringify({ name: 'own', value_type: 'binary' });
    const own = await (
      await all(await request('/v1/evaluation-labels', { method: 'POST', headers, body }))
    ).json<Label>();

    await created({ id: own.id });

    await expectSame(own, { name: 'tone' });
    expect(await (await all(await get(labelPathOf(own), headers))).json()).toEqual(own);
  });
});

describe('a database that does not take the copy', () => {
  const OVERLOAD = 'D1 DB is overloaded.';

  it('is named in the error of a create, which is repeated with the id and is then in all of them, once', async () => {
    const logged = vi.spyOn(console, 'error');
    const down = withThree({ DB_1: flakyD1(SPARE_1, OVERLOAD, 'fails').db });
    const refused = await create(down);
    const id = /label (\S+) is/.exec((await refused.clone().json<{ error: string }>()).error)?.[1] ?? '';
    await expectRefusal(refused, missingIn({ id }, 'DB_1'));
    const [main, second, third] = await rowsOf({ id });
    expect(second).toBeNull();
    expect(third).toEqual(main);
    expect(JSON.parse(String(logged.mock.calls.flat()[0])).cause).toMatch(/^DB_1: .*overloaded/);

    expect((await create(all, { id })).status).toBe(200);

    await expectSame({ id });
  });

  it('is named if there are several', async () => {
    const label = await created();
    const [DB_1, DB_2] = [flakyD1(SPARE_1, OVERLOAD, 'fails').db, flakyD1(SPARE_2, OVERLOAD, 'fails').db];

    await expectRefusal(await update(withThree({ DB_1, DB_2 }), label, { name: 'x' }), missingIn(label, 'DB_1, DB_2'));
  });

  it.each([
    ['a plain update', {}, 200],
    ['an update with a key', { 'idempotency-key': 'k1' }, 200],
    ['an update with If-Match, though it refuses itself', 'if-match', 412],
  ] as const)('gets it when the same request is repeated: %s', async (_, conditions, status) => {
    const label = await created();
    const headers: Record<string, string> =
      conditions === 'if-match' ? { 'if-match': `"${label.created_at}"` } : { ...conditions };
    const down = withThree({ DB_2: flakyD1(SPARE_2, OVERLOAD, 'fails').db });
    await expectRefusal(await update(down, label, { name: 'pitch' }, headers), missingIn(label, 'DB_2'));

    expect((await update(all, label, { name: 'pitch' }, headers)).status).toBe(status);

    await expectSame(label, { name: 'pitch' });
  });

  it('gets with the next write what it missed: the label itself, and every change', async () => {
    const down = withThree({ DB_1: flakyD1(SPARE_1, OVERLOAD, 'fails').db });
    const id = crypto.randomUUID();
    await create(down, { id });
    await update(down, { id }, { description: 'missed', archived: true });

    expect((await update(all, { id }, { name: 'pitch' })).status).toBe(200);

    await expectSame({ id }, { name: 'pitch', description: 'missed', archived_at: expect.any(String) });
  });

  it.each<Fate[]>([
    ['fails', 'succeeds'],
    ['is lost', 'succeeds'],
    ['is late', 'succeeds'],
  ])('is asked again after a transient error, and a late copy changes nothing (%s)', async (...fates) => {
    const label = await created();
    const { db, arrive } = flakyD1(SPARE_1, 'Network connection lost.', ...fates);

    expect((await update(withThree({ DB_1: db }), label, { name: 'first' })).status).toBe(200);
    expect((await update(all, label, { name: 'second' })).status).toBe(200);
    await arrive();

    await expectSame(label, { name: 'second' });
  });

  it('keeps the newer of two copies that arrive in the wrong order', async () => {
    const label = await created();
    const late: (() => Promise<unknown>)[] = [];
    const waiting = interceptD1(SPARE_2, async (_, call) => {
      late.push(call);
      return [];
    });
    await update(withThree({ DB_2: waiting }), label, { name: 'first' });
    await update(withThree({ DB_2: waiting }), label, { name: 'second' });

    for (const arrive of late.toReversed()) await arrive();

    expect(late).toHaveLength(2);
    await expectSame(label, { name: 'second' });
  });
});

describe('the main database', () => {
  it('decides alone: what it refuses is stored nowhere', async () => {
    const label = await created();
    const before = await rowsOf(label);

    expect((await update(all, label, { name: 'x' }, { 'if-match': '"x"' })).status).toBe(412);
    expect((await update(all, label, { min_value: 0, name: 'x' })).status).toBe(422);
    expect((await create(all, { id: label.id, name: 'other' })).status).toBe(409);
    expect((await update(all, { id: crypto.randomUUID() }, { name: 'x' })).status).toBe(404);

    expect(await rowsOf(label)).toEqual(before);
  });
});
