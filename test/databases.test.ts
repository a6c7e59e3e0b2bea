/** Which account is in which database: by the setting, by the hash, and never in another than its own. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { slotOf } from '../src/db/databases.ts';
import { INTERNAL_ERROR, NOT_FOUND } from './support/answers.ts';
import { countingD1, watchedSessions } from './support/d1.ts';
import { accountIn, migrateSpares, SPARE_1, SPARE_2 } from './support/databases.ts';
import {
  ACCOUNT,
  expectRefusal,
  get,
  mintToken,
  pathOf,
  putValue,
  request,
  type Send,
  storeEvaluation,
  worker,
  workerWith,
} from './support/worker.ts';

beforeAll(migrateSpares);

const HALVES = '0-511=DB 512-1023=DB_1';
const halves = (settings: Parameters<typeof workerWith>[0] = {}) =>
  workerWith({ DB_1: SPARE_1, DATABASES: HALVES, ...settings });

const authorize = async (account: string) => ({ authorization: `Bearer ${await mintToken({ account_id: account })}` });

/** Creates a label and an evaluation under it, as the account would, and returns the evaluation. */
async function create(send: Send, account: string) {
  const headers = await authorize(account);
  const post = async (path: string, body: object) => {
    const response = await send(await request(path, { method: 'POST', headers, body: JSON.stringify(body) }));
    expect(response.status).toBe(201);
    return response.json<{ id: string; run_id: string }>();
  };
  const label = await post('/v1/evaluation-labels', { name: 'tone', value_type: 'continuous' });
  return post(`/v1/run/${crypto.randomUUID()}/evaluations`, { evaluation_label_id: label.id, value: 3 });
}

/** How many evaluations of the account are stored there. */
const countIn = async (db: D1Database, account: string) =>
  db.prepare('SELECT count(*) AS count FROM run_evaluation WHERE account_id = ?').bind(account).first('count');

describe('the hash', () => {
  it.each([
    ['', 11],
    ['a', 435],
    ['acc_big', 502],
    ['acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M', 922],
    ['acc_neighbour', 954],
    ['018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01', 524],
    ['12345', 251],
    ['Zürich 💥', 670],
    ['org|42/x', 605],
    ['a'.repeat(255), 660],
  ])('puts %j into slot %d, for ever', (account, slot) => {
    expect(slotOf(account)).toBe(slot);
  });

  it.each<[string, (n: number) => string]>([
    ['numbers', (n) => `${n}`],
    ['numbers of one length', (n) => `acc_${String(n).padStart(26, '0')}`],
    ['UUIDs that follow each other', (n) => `018f4d3c-0000-7000-8000-${n.toString(16).padStart(12, '0')}`],
    ['names that end alike', (n) => `${n}@example.com`],
  ])('spreads %s evenly over the slots, and over every power of two of databases', (_, nameOf) => {
    const counts: number[] = Array(1024).fill(0);
    for (let n = 0; n < 102_400; n += 1) {
      const slot = slotOf(nameOf(n));
      counts[slot] = (counts[slot] ?? 0) + 1;
    }

    // χ² with 1,023 degrees of freedom has the mean 1,023 and the deviation 45; five of them either way.
    expect(Math.abs(counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0) - 1023)).toBeLessThan(5 * 45);
    for (const databases of [2, 4, 16, 64]) {
      const width = 1024 / databases;
      const sums = Array.from({ length: databases }, (__, at) =>
        counts.slice(at * width, (at + 1) * width).reduce((sum, count) => sum + count, 0),
      );
      const mean = 102_400 / databases;
      expect(Math.max(...sums.map((sum) => Math.abs(sum - mean)))).toBeLessThan(5 * Math.sqrt(mean));
    }
  });
});

describe('DATABASES', () => {
  const notAnEntry = (number: number) =>
    `needs entries like 0-1023=DB or acc_1=DB_1 with bindings that exist, and entry ${number} is not`;

  it('is DB for everyone where it is not set, whatever else is bound', async () => {
    const { db, calls } = countingD1(SPARE_1);
    const row = await storeEvaluation();

    expect((await workerWith({ DB_1: db, DATABASES: ' ' })(await putValue(row, 9))).status).toBe(200);
    expect(calls).toEqual([]);
  });

  it.each([
    [0, 511, 'DB'],
    [512, 1023, 'DB_1'],
  ] as const)('spreads accounts by slot: %d to %d are in %s, and nowhere else', async (first, last, name) => {
    const account = accountIn(first, last);
    const logged = vi.spyOn(console, 'log');

    await create(halves(), account);

    expect([await countIn(env.DB, account), await countIn(SPARE_1, account)]).toEqual(name === 'DB' ? [1, 0] : [0, 1]);
    const lines = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(lines.map(({ database, d1_calls }) => ({ database, d1_calls }))).toEqual([
      { database: name, d1_calls: 1 },
      { database: name, d1_calls: 1 },
    ]);
  });

  it.each([
    ['acc_big', 'acc_big'],
    ['0-511', '%30-511'],
    ['a b=c%', 'a%20b%3Dc%25'],
    ['zoë', 'zoë'],
  ])('puts an account by its name before any slot: %s as %s', async (account, written) => {
    const send = halves({ DB_2: SPARE_2, DATABASES: `${HALVES}\n\t${written}=DB_2 ` });

    await create(send, account);

    expect([await countIn(env.DB, account), await countIn(SPARE_1, account)]).toEqual([0, 0]);
    expect(await countIn(SPARE_2, account)).toBe(1);
  });

  it('takes ranges in any order', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ DB_1: SPARE_1, DATABASES: '1023-1023=DB_1 0-1022=DB' });

    expect((await send(await putValue(row, 9))).status).toBe(200);
  });

  it('takes a range of one slot', async () => {
    const row = await storeEvaluation();
    const send = workerWith({ DB_1: SPARE_1, DATABASES: '0-0=DB_1 1-1022=DB 1023-1023=DB_1' });

    expect((await send(await putValue(row, 9))).status).toBe(200);
  });

  it.each([
    ['a slot without a database', '0-511=DB 513-1023=DB_1', 'names no database for slot 512'],
    ['only a named account', 'acc_big=DB_1', 'names no database for slot 0'],
    ['a slot twice', '0-511=DB 511-1023=DB_1', 'has an account or a slot twice, in entry 2'],
    ['its last slot twice', '512-1023=DB_1 0-512=DB', 'has an account or a slot twice, in entry 2'],
    ['an account twice', `${HALVES} acc=DB acc=DB_1`, 'has an account or a slot twice, in entry 4'],
    [
      'an account twice, spelled in two ways',
      `${HALVES} acc=DB %61cc=DB`,
      'has an account or a slot twice, in entry 4',
    ],
    ['a slot too many', '0-1024=DB', notAnEntry(1)],
    ['a range backwards', '511-0=DB 512-1023=DB', notAnEntry(1)],
    ['a database that is not bound', '0-511=DB 512-1023=DB_9', notAnEntry(2)],
    ['a binding that is no database', '0-1023=RATE_LIMITER', notAnEntry(1)],
    ['the account of the shared labels', `${HALVES} shared=DB_1`, notAnEntry(3)],
    ['an account that is not encoded', `${HALVES} 100%=DB`, notAnEntry(3)],
    ['garbage', 'DB', notAnEntry(1)],
    ['no binding', '0-1023=', notAnEntry(1)],
    ['no account', '=DB', notAnEntry(1)],
    ['an equals sign too many', `${HALVES} a=b=DB`, notAnEntry(3)],
    ['commas', '0-511=DB,512-1023=DB_1', notAnEntry(1)],
  ])('is 500 for everyone if it is wrong: %s', async (_, DATABASES, fault) => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const { db, calls } = countingD1(env.DB);

    await expectRefusal(await halves({ DB: db, DATABASES })(await putValue(row, 9)), INTERNAL_ERROR);

    const { refusal, cause } = JSON.parse(String(logged.mock.calls.flat()[0]));
    expect(refusal).toBe('misconfigured');
    expect(cause).toContain(`DATABASES ${fault}: run`);
    expect(calls).toEqual([]);
  });

  it('is 500 without the binding DB', async () => {
    const send = workerWith({ DB: undefined, DB_1: SPARE_1, DATABASES: '0-1023=DB_1' });

    await expectRefusal(await send(await get('/v1/evaluation-labels')), INTERNAL_ERROR);
  });
});

describe('an account', () => {
  it('is never answered from another database, even if the same row is there', async () => {
    const account = accountIn(512, 1023);
    const row = await storeEvaluation({ account_id: account });

    const headers = await authorize(account);
    await expectRefusal(await halves()(await get(pathOf(row), headers)), NOT_FOUND);
    await expectRefusal(await halves()(await request(pathOf(row), { body: '{"value":9}', headers })), NOT_FOUND);
    expect((await worker(await get(pathOf(row), headers))).status).toBe(200);
  });
});

describe('the bookmark', () => {
  it('of DB is as D1 makes it; that of another database carries its name', async () => {
    const bookmarkOf = async (account: string) =>
      (await halves()(await get('/v1/evaluation-labels', await authorize(account)))).headers.get('x-d1-bookmark');

    expect(await bookmarkOf(accountIn(0, 511))).toMatch(/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/);
    expect(await bookmarkOf(accountIn(512, 1023))).toMatch(/^DB_1:[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/);
  });

  it.each([
    ['its own', (own: string) => own, (own: string) => own.slice('DB_1:'.length)],
    ['that of DB, which the account has left', (own: string) => own.slice('DB_1:'.length), () => 'first-primary'],
    ['that of a third one', (own: string) => own.replace('DB_1', 'DB_7'), () => 'first-primary'],
    ['a malformed one', (own: string) => `DB_1:${own}`, () => 'first-unconstrained'],
    ['one of no database', (own: string) => own.replace('DB_1', 'DX'), () => 'first-unconstrained'],
    ['none', () => null, () => 'first-unconstrained'],
  ])('decides where a read of DB_1 starts: %s', async (_, sent, start) => {
    const account = accountIn(512, 1023);
    const { db, starts } = watchedSessions(SPARE_1);
    const send = halves({ DB_1: db });
    const row = await create(send, account);
    const written = await send(await request(pathOf(row), { body: '{"value":4}', headers: await authorize(account) }));
    const own = written.headers.get('x-d1-bookmark') ?? '';
    starts.length = 0;

    const headers = { ...(await authorize(account)), 'x-d1-bookmark': sent(own) };
    const read = await send(await get(pathOf(row), headers));

    expect(await read.json()).toMatchObject({ value: 4 });
    expect(starts).toEqual([start(own)]);
  });

  it('of another database makes a read start at the primary in DB too', async () => {
    const row = await storeEvaluation({ account_id: ACCOUNT });
    const { db, starts } = watchedSessions(env.DB);
    const bookmark = 'DB_1:00000000-00000001-00000000-00000000000000000000000000000000';

    expect((await workerWith({ DB: db })(await get(pathOf(row), { 'x-d1-bookmark': bookmark }))).status).toBe(200);
    expect(starts).toEqual(['first-primary']);
  });
});
