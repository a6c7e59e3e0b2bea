/**
 * Tests accounts whose rows are in a Durable Object. The object copies the rows from D1 and loses
 * none, even if a call to D1 fails or the platform kills the object.
 */
import { applyD1Migrations, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';
import {
  type AccountObject,
  type ObjectCall,
  objectStore,
  type Refusal,
} from '../src/db/account-object.ts';
import { createArrival } from '../src/db/arrival.ts';
import { connect } from '../src/db/connection.ts';
import { MIGRATIONS } from '../src/db/migrations.generated.ts';
import { createSharedLabels } from '../src/db/shared-labels.ts';
import { countCalls, interceptD1, makeFlakyD1 } from './support/d1.ts';
import { createLinkTo, post } from './support/links.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  ACCOUNT,
  buildLabelPath,
  buildPath,
  createWorker,
  DB,
  get,
  makeAccount,
  mintToken,
  putValue,
  type Row,
  readRows,
  request,
  type Send,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

const { ACCOUNT_OBJECT } = env;
const { OLD_DB } = env as typeof env & { readonly OLD_DB: D1Database };

const TABLES = [
  'deleted_evaluation',
  'evaluation_label',
  'keyed_write',
  'revoked_link',
  'run_evaluation',
  'run_evaluation_history',
];

const select = (table: string) => `SELECT * FROM ${table} WHERE account_id = ? ORDER BY 1, 2, 3, 4`;

const readFromD1 = async (account: string, db = DB) =>
  Object.fromEntries(
    await Promise.all(
      TABLES.map(async (table) => {
        const { results } = await db.prepare(select(table)).bind(account).all();
        return [table, results] as const;
      }),
    ),
  );

const getObject = (account: string) => ACCOUNT_OBJECT.getByName(account);

const readFromObject = (account: string) =>
  runInDurableObject(getObject(account), (_, { storage }) =>
    Object.fromEntries(
      TABLES.map((table) => [table, storage.sql.exec(select(table), account).toArray()] as const),
    ),
  );

const countRows = (tables: Readonly<Record<string, readonly unknown[]>>) =>
  Object.values(tables).reduce((sum, { length }) => sum + length, 0);

const buildHeaders = async (account_id: string, more: object = {}) => ({
  authorization: `Bearer ${await mintToken({ account_id, ...more })}`,
});

/** The longest time that a test waits for an object to copy its account. */
const PATIENCE_MS = 30_000;

/**
 * Repeats `call` while `condition` is true. Uses `performance.now()` because some tests fake
 * `Date`.
 */
async function repeatWhile<T>(condition: (answer: T) => boolean, call: () => Promise<T>) {
  const started = performance.now();
  for (;;) {
    const answer = await call();
    if (!condition(answer) || performance.now() - started > PATIENCE_MS) return answer;
    await scheduler.wait(50);
  }
}

const isTooEarly = ({ headers }: Response) => headers.get('retry-after') === '1';

/**
 * Makes a Worker with `ACCOUNT_OBJECTS`, and repeats each request until the object has copied the
 * account.
 */
function createObjectWorker(entry: string, more: object = {}): Send {
  const send = createWorker({ ACCOUNT_OBJECTS: entry, ...more });
  return (request) => repeatWhile(isTooEarly, () => send(request.clone()));
}

const askPatiently = <T>(
  { findRefusal }: { findRefusal: (call: T) => Promise<Refusal | undefined> },
  call: T,
) =>
  repeatWhile(
    (refusal) => refusal?.wait === 1,
    () => findRefusal(call),
  );

/** Stops the clock and the timers, so that no timeout depends on the speed of the machine. */
const STOPPED: Parameters<typeof vi.useFakeTimers>[0] = {
  toFake: ['Date', 'setTimeout', 'clearTimeout'],
};

/** Stores an account in D1 with rows in every table. */
async function storeAccount() {
  const account = makeAccount();
  const headers = await buildHeaders(account);
  const label = await storeLabel({ account_id: account, min_value: 0, max_value: 10 });
  const fields = { account_id: account, evaluation_label_id: label.id };
  const rows = await Promise.all([1, 2, 3].map((value) => storeEvaluation({ ...fields, value })));
  const [row, deleted] = rows as [Row, Row, Row];
  const put = async (value: number, key?: string) =>
    request(buildPath(row), {
      body: JSON.stringify({ value }),
      headers: { ...headers, ...(key === undefined ? {} : { 'idempotency-key': key }) },
    });
  await worker(await put(4, 'first'));
  await worker(await put(5));
  await worker(await request(buildPath(deleted), { method: 'DELETE', headers }));
  await DB.prepare('INSERT INTO revoked_link VALUES (?, ?, ?, ?)')
    .bind(account, '2999-01-01T00:00:00.000Z', row.id, crypto.randomUUID())
    .run();
  return { account, headers, label, row, deleted, put, before: await readFromD1(account) };
}

/** Waits until the object has copied the account and has deleted the account's rows in D1. */
async function finish(account: string): Promise<void> {
  await evictDurableObject(getObject(account));
  const goOn = () =>
    runInDurableObject(getObject(account), async (object, { storage }) => {
      const arrival: ReturnType<typeof createArrival> = Reflect.get(object, 'arrival');
      await arrival.findRefusal({ account, ...HERE });
      await arrival.resume();
      return storage.kv.get<State>('arrival')?.step;
    });
  await expect.poll(goOn, { timeout: PATIENCE_MS }).toBe('done');
}

async function readCauses(send: Send, sent: Request) {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  const { status } = await repeatWhile(isTooEarly, () => {
    log.mockClear();
    return send(sent.clone());
  });
  return { status, causes: log.mock.calls.map(([line]) => JSON.parse(String(line)).cause) };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('an account that the setting names', () => {
  it('moves every row of every table into the object, and leaves none in D1', async () => {
    const { account, before, row, headers } = await storeAccount();

    const response = await createObjectWorker(account)(await get(buildPath(row), headers));

    expect(await response.json()).toMatchObject({ id: row.id, value: 5 });
    expect(response.headers.has('x-d1-bookmark')).toBe(false);
    for (const table of TABLES) expect(before[table]).not.toEqual([]);
    expect(await readFromObject(account)).toEqual(before);
    await finish(account);
    expect(countRows(await readFromD1(account))).toBe(0);
    expect(await readFromObject(account)).toEqual(before);
  });

  it('recognises each repetition, deletion and revocation from before the move', async () => {
    const { account, row, put, deleted, headers } = await storeAccount();
    const { url } = await createLinkTo(row, {}, await mintToken({ account_id: account }));
    const send = createObjectWorker(account);

    expect(await (await send(await put(4, 'first'))).json()).toMatchObject({ value: 4 });
    expect(await (await send(await get(buildPath(row), headers))).json()).toMatchObject({
      value: 5,
    });
    expect((await send(await get(buildPath(deleted), headers))).status).toBe(404);
    expect((await send(await put(11))).status).toBe(422);
    expect((await send(await post(url, { value: 7 }))).status).toBe(200);
    const { run_evaluation } = await readFromObject(account);
    expect(run_evaluation?.find(({ id }) => id === row.id)).toMatchObject({ value: 7 });
  });

  it('writes one row in D1 for an account without rows, once', async () => {
    const account = makeAccount();
    const written: number[] = [];
    const db = interceptD1(DB, async (_, call) => {
      const results = (await call()) as D1Result[];
      for (const { meta } of results) written.push(meta.rows_written);
      return results;
    });

    const refusals = await runInDurableObject(getObject(account), async (_, { storage }) => {
      const arrival = createArrival(storage, db);
      return [
        await askPatiently(arrival, { account, ...HERE }),
        await askPatiently(arrival, { account, ...HERE }),
      ];
    });

    expect(refusals).toEqual([undefined, undefined]);
    expect(written).toEqual([1, 0]);
  });

  it.each(OPERATIONS)(
    'serves an operation of a moved account by its object alone: $name',
    async ({ requestFor, success }) => {
      const account_id = makeAccount();
      const row = await storeEvaluation({ account_id });
      await storeLabel({ account_id, id: row.evaluation_label_id });
      const line = vi.spyOn(console, 'log');
      const send = createObjectWorker(account_id);

      const response = await send(await requestFor(row, await buildHeaders(account_id)));

      expect(response.status).toBe(success);
      expect(JSON.parse(String(line.mock.calls.at(-1)))).toMatchObject({
        store: 'object',
        db_calls: 1,
      });
      await finish(account_id);
      expect(countRows(await readFromD1(account_id))).toBe(0);
    },
  );

  it('moves any account if the setting is *, but never the account shared', async () => {
    const account_id = makeAccount();
    const row = await storeEvaluation({ account_id });
    const label = await storeLabel({ account_id: 'shared' });
    const line = vi.spyOn(console, 'log');
    const send = createObjectWorker('*');

    expect((await send(await putValue(row, 9, await mintToken({ account_id })))).status).toBe(200);
    const read = await send(await get(buildLabelPath(label), await buildHeaders('shared')));

    expect(read.status).toBe(200);
    expect(JSON.parse(String(line.mock.calls.at(-1)))).toMatchObject({ store: 'd1' });
    expect(await readFromObject(account_id)).toMatchObject({ run_evaluation: [{ value: 9 }] });
  });

  it('moves an account whose name has a space, an @, a % or a *', async () => {
    const account_id = `a b@eu%*${crypto.randomUUID()}`;
    const row = await storeEvaluation({ account_id });
    const entry = encodeURIComponent(account_id).replaceAll('*', '%2A');

    const response = await createObjectWorker(entry)(
      await putValue(row, 9, await mintToken({ account_id })),
    );

    expect(response.status).toBe(200);
    expect(await readFromObject(account_id)).toMatchObject({ run_evaluation: [{ value: 9 }] });
  });

  it('leaves an account that the setting does not name in D1', async () => {
    const row = await storeEvaluation();

    expect((await createObjectWorker(makeAccount())(await putValue(row, 9))).status).toBe(200);
    expect(await readRows('SELECT value FROM run_evaluation WHERE id = ?', row.id)).toEqual([
      { value: 9 },
    ]);
  });
});

describe('D1 once an account has left it', () => {
  it.each(OPERATIONS)(
    'answers 503 and stores nothing, and the log names the entry: $name',
    async ({ requestFor }) => {
      const { account, row, before, headers } = await storeAccount();
      const ready = await requestFor(row, headers);
      await DB.prepare('INSERT INTO account_object VALUES (?, ?, ?, ?)')
        .bind(account, 'apac', 'a'.repeat(32), '2026-01-01T00:00:00.000Z')
        .run();

      const { status, causes } = await readCauses(worker, ready);

      expect(status).toBe(503);
      expect(causes).toEqual([
        expect.stringContaining(`ACCOUNT_OBJECTS must have ${account}@apac`),
      ]);
      expect(await readFromD1(account)).toEqual(before);
    },
  );

  it.each(OPERATIONS)(
    'answers 503 and never 404 or [] when D1 is empty: $name',
    async ({ requestFor }) => {
      const account_id = makeAccount();
      const row = await storeEvaluation({ account_id });
      const ready = await requestFor(row, await buildHeaders(account_id));
      await createObjectWorker(account_id)(
        await get(buildPath(row), await buildHeaders(account_id)),
      );
      await finish(account_id);

      const { status, causes } = await readCauses(worker, ready);

      expect(status).toBe(503);
      expect(causes).toEqual([expect.stringContaining(`ACCOUNT_OBJECTS must have ${account_id}`)]);
      expect(countRows(await readFromD1(account_id))).toBe(0);
    },
  );

  it('D1 has a trigger for each table that the Worker writes, also for one that a migration adds', async () => {
    const triggers = await readRows<{ tbl_name: string }>(
      `SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%the account lives in an object%'`,
    );
    // Only triggers of `run_evaluation` write to `keyed_write` and `run_evaluation_history`.
    const written = TABLES.filter((name) => !/^(?:keyed_write|run_evaluation_history)$/.test(name));

    expect(triggers.map(({ tbl_name }) => tbl_name).sort()).toEqual(written);
    const tables = await readRows<{ name: string }>(
      `SELECT t.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
      WHERE t.type = 'table' AND t.name NOT GLOB '_cf*' AND c.name = 'account_id' AND t.name <> 'account_object'
      ORDER BY 1`,
    );
    expect(tables.map(({ name }) => name)).toEqual(TABLES);
  });

  it('D1 refuses inserts and updates of any program for an account that has left it, but no deletion', async () => {
    const { account, row, label } = await storeAccount();
    await DB.prepare('INSERT INTO account_object VALUES (?, ?, ?, NULL)')
      .bind(account, '', 'a'.repeat(32))
      .run();
    const run = (sql: string) => DB.prepare(sql).bind(account).run();

    for (const [table, column] of [
      ['run_evaluation', 'value = 6'],
      ['evaluation_label', `name = 'x'`],
    ])
      await expect(run(`UPDATE ${table} SET ${column} WHERE account_id = ?`)).rejects.toThrow(
        'the account lives in an object',
      );
    await expect(storeEvaluation({ account_id: account })).rejects.toThrow('lives in an object');
    await expect(storeLabel({ account_id: account })).rejects.toThrow('lives in an object');
    for (const insert of [
      `INSERT INTO deleted_evaluation VALUES (?1, '${row.id}', '${row.run_id}', '2026-01-01T00:00:00.000Z', '${'b'.repeat(24)}')`,
      `INSERT INTO revoked_link VALUES (?1, '2999-01-01T00:00:00.000Z', '${row.id}', '${label.id}')`,
    ])
      await expect(run(insert)).rejects.toThrow('the account lives in an object');
    await run('DELETE FROM run_evaluation WHERE account_id = ?');
    expect((await readFromD1(account))['run_evaluation']).toEqual([]);
  });
});

describe('a setting that names another place than before', () => {
  it('answers 503 if the setting names another place than before, and logs which entry to restore', async () => {
    const { account, row, headers } = await storeAccount();
    await createObjectWorker(`${account}@apac`)(await get(buildPath(row), headers));
    await evictDurableObject(getObject(account));

    for (const place of ['', '@weur']) {
      const sent = await get(buildPath(row), headers);
      const send = createWorker({ ACCOUNT_OBJECTS: `${account}${place}` });
      const { status, causes } = await readCauses(send, sent);
      expect(status).toBe(503);
      expect(causes).toEqual([
        expect.stringContaining(`ACCOUNT_OBJECTS must have ${account}@apac`),
      ]);
    }
    expect(
      (await createObjectWorker(`${account}@apac`)(await get(buildPath(row), headers))).status,
    ).toBe(200);
  });

  it('answers 503 if the setting names a place that has another object', async () => {
    const { account, row, headers } = await storeAccount();
    await createObjectWorker(account)(await get(buildPath(row), headers));
    const elsewhere = `elsewhere ${account}`;

    const refusal = await runInDurableObject(getObject(elsewhere), async (_, { storage }) => {
      const found = await askPatiently(createArrival(storage, DB), { account, place: 'eu' });
      return { found, left: storage.sql.databaseSize, state: storage.kv.get('arrival') };
    });

    expect(refusal.found?.cause).toContain(`ACCOUNT_OBJECTS must have ${account}`);
    expect(refusal.state).toBeUndefined();
  });
});

describe('a request for another place while the account is being copied', () => {
  it('refuses a request for another place although the copy is done within the request', async () => {
    const { account, row, headers } = await storeAccount();
    await runUntilFault(account, 3);
    await evictDurableObject(getObject(account));

    const { status, causes } = await readCauses(
      createWorker({ ACCOUNT_OBJECTS: `${account}@apac` }),
      await get(buildPath(row), headers),
    );

    expect(status).toBe(503);
    expect(causes).toEqual([expect.stringMatching(`ACCOUNT_OBJECTS must have ${account}$`)]);
    expect((await createObjectWorker(account)(await get(buildPath(row), headers))).status).toBe(
      200,
    );
  });
});

describe('an object that was lost or set back', () => {
  it.each<[string, (storage: DurableObjectStorage, early: unknown) => Promise<void> | void]>([
    ['lost', (storage) => storage.deleteAll()],
    [
      'set back to before the account arrived',
      (storage, early) => storage.kv.put('arrival', early),
    ],
  ])('answers 503 and never an empty account: %s', async (_, setBack) => {
    const { account, row, headers } = await storeAccount();
    const [early] = await runUntilFault(account, 2);
    await evictDurableObject(getObject(account));
    await createObjectWorker(account)(await get(buildPath(row), headers));
    await finish(account);
    await runInDurableObject(getObject(account), async (_object, { storage }) => {
      for (const table of TABLES) storage.sql.exec(`DROP TABLE ${table}`);
      storage.sql.exec('DROP TABLE applied_migration');
      storage.sql.exec('DROP TABLE account_object');
      await setBack(storage, early);
    });
    await evictDurableObject(getObject(account));

    for (let attempt = 0; attempt < 3; attempt += 1) {
      const sent = await get(buildPath(row), headers);
      const { status, causes } = await readCauses(createWorker({ ACCOUNT_OBJECTS: account }), sent);
      expect(status).toBe(503);
      expect(causes).toEqual([expect.stringContaining('was lost or set back')]);
    }
  });
});

/**
 * Copies an account until call number `faultyCall` to D1 fails. With `is lost`, D1 runs the call,
 * but the object gets no response.
 */
async function runUntilFault(
  account: string,
  faultyCall: number,
  fate: 'fails' | 'is lost' = 'fails',
) {
  const fates = [...Array.from({ length: faultyCall - 1 }, () => 'succeeds' as const), fate];
  return runInDurableObject(getObject(account), async (_, { storage }) => {
    const { db, calls } = makeFlakyD1(DB, 'Network connection lost.', ...fates);
    await askPatiently(createArrival(storage, db), { account, ...HERE });
    return [storage.kv.get('arrival'), calls.length] as const;
  });
}

const HERE = { place: '' } as const;

/** Starts or continues the copy of an account, as a restarted object does. */
const arriveWith = (account: string, db: D1Database) =>
  runInDurableObject(getObject(account), (_, { storage }) =>
    askPatiently(createArrival(storage, db), { account, ...HERE }),
  );

describe('an object that is killed while it brings an account over', () => {
  const CALLS = 20;

  it.each(['fails', 'is lost'] as const)(
    'continues the copy of an account, whichever call to D1 %s, and loses or repeats no row',
    async (fate) => {
      const copyWithFault = async (call: number) => {
        const { account, before } = await storeAccount();
        const [, made] = await runUntilFault(account, call, fate);
        await arriveWith(account, DB);
        expect({ call, rows: await readFromObject(account) }).toEqual({ call, rows: before });
        await finish(account);
        expect({ call, left: countRows(await readFromD1(account)) }).toEqual({ call, left: 0 });
        return made;
      };

      const made = await Promise.all(
        Array.from({ length: CALLS }, (_, index) => copyWithFault(index + 1)),
      );

      // A copy makes fewer than `CALLS` calls, so each of its calls failed in one of the copies.
      expect(made.at(-1)).toBeLessThan(CALLS);
    },
  );

  it('loses no write of an old version of the Worker while it copies an account', async () => {
    const { account, put, row } = await storeAccount();
    const answers: number[] = [];
    const db = interceptD1(DB, async (_, call) => {
      answers.push((await worker(await put(answers.length))).status);
      const results = await call();
      answers.push((await worker(await put(answers.length))).status);
      return results;
    });
    vi.spyOn(console, 'error').mockImplementation(() => {});

    expect(await arriveWith(account, db)).toBeUndefined();

    const accepted = answers.flatMap((status, value) => (status === 200 ? [value] : []));
    expect(new Set(answers)).toEqual(new Set([200, 503]));
    expect(accepted.every((value, index) => value === index)).toBe(true);
    const { run_evaluation, run_evaluation_history } = await readFromObject(account);
    const values = [...(run_evaluation_history ?? []), ...(run_evaluation ?? [])]
      .filter(({ id, evaluation_id }) => (id ?? evaluation_id) === row.id)
      .map(({ value }) => value);
    expect(values).toEqual(
      [1, 4, 5, ...accepted].filter((value, at, all) => value !== all[at - 1]),
    );
  });

  it('copies an account once for any number of concurrent requests', async () => {
    const { account, before, row, headers } = await storeAccount();
    const send = createObjectWorker(account);
    const requests = await Promise.all(
      Array.from({ length: 20 }, () => get(buildPath(row), headers)),
    );

    const responses = await Promise.all(requests.map((sent) => send(sent)));

    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(await readFromObject(account)).toEqual(before);
  });

  it('answers 503 with Retry-After within half a second while a copy takes long', async () => {
    const { account, row, headers } = await storeAccount();
    let isSlow = true;
    const slow = interceptD1(DB, async (_, call) => {
      while (isSlow) await scheduler.wait(20);
      return call();
    });
    await runInDurableObject(getObject(account), (object, { storage }) => {
      Reflect.set(object, 'arrival', createArrival(storage, slow));
    });
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const send = createWorker({ ACCOUNT_OBJECTS: account });
    const sent = await get(buildPath(row), headers);

    // A busy machine may delay any response, so one fast response is enough.
    const response = await vi.waitFor(
      async () => {
        const started = performance.now();
        const early = await send(sent.clone());
        expect(performance.now() - started).toBeLessThan(500);
        expect(early.headers.get('retry-after')).toBe('1');
        return early;
      },
      { timeout: PATIENCE_MS },
    );

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      error: expect.stringContaining('send the same request'),
    });
    isSlow = false;
    await finish(account);
  });

  it('continues the copy of an account if D1 never answers a call', async () => {
    const { account, before } = await storeAccount();
    vi.spyOn(console, 'error').mockImplementation(() => {});
    let calls = 0;
    const silent = interceptD1(DB, (_, call) => {
      calls += 1;
      return calls === 3 ? new Promise(() => {}) : call();
    });

    vi.useFakeTimers(STOPPED);

    const refusals = await runInDurableObject(getObject(account), async (_, { storage }) => {
      const arrival = createArrival(storage, silent);
      await repeatWhile(
        () => calls < 3,
        () => arrival.findRefusal({ account, ...HERE }),
      );
      const waiting = arrival.findRefusal({ account, ...HERE });
      vi.advanceTimersByTime(5000);
      return [await waiting, await askPatiently(arrival, { account, ...HERE })];
    });

    expect(refusals).toEqual([
      { wait: 5, cause: expect.stringContaining('did not answer within 5000 ms') },
      undefined,
    ]);
    expect(await readFromObject(account)).toEqual(before);
  });

  it('copies a table that a migration adds while the copy is under way', async () => {
    await applyD1Migrations(OLD_DB, inject('migrations'));
    const table = `CREATE TABLE IF NOT EXISTS a_note (
      account_id text NOT NULL, id text NOT NULL, PRIMARY KEY (account_id, id)
    ) STRICT, WITHOUT ROWID`;
    for (const step of ['copying', 'comparing', 'noting']) {
      const account = makeAccount();
      const id = crypto.randomUUID();
      await OLD_DB.prepare(
        `INSERT INTO revoked_link (account_id, expires_at, evaluation_id, id)
        VALUES (?, '2999-01-01T00:00:00.000Z', '${id}', '${id}')`,
      )
        .bind(account)
        .run();
      await runInDurableObject(getObject(account), async (_, { storage }) => {
        const db = interceptD1(OLD_DB, (_method, call) => {
          const now = storage.kv.get<State & { table: number }>('arrival');
          if (now?.step === step && (step === 'noting' || now.table === 4))
            throw new Error('Network connection lost.');
          return call();
        });
        vi.spyOn(console, 'error').mockImplementation(() => {});
        await askPatiently(createArrival(storage, db), { account, ...HERE });
        expect(storage.kv.get<State>('arrival')?.step).toBe(step);
        storage.sql.exec(table);
      });
      await OLD_DB.prepare(table).run();
      await OLD_DB.prepare('INSERT INTO a_note VALUES (?, ?)').bind(account, id).run();

      expect({ step, refusal: await arriveWith(account, OLD_DB) }).toEqual({ step });

      const [notes, links] = await runInDurableObject(
        getObject(account),
        (_, { storage: { sql } }) =>
          ['a_note', 'revoked_link'].map((name) => sql.exec(`SELECT id FROM ${name}`).toArray()),
      );
      expect({ step, notes, links }).toEqual({ step, notes: [{ id }], links: [{ id }] });
      await OLD_DB.prepare('DROP TABLE a_note').run();
    }
  });

  it('finishes the copy of an account if D1\u2019s answer was lost and a migration came after it', async () => {
    const [account, id] = [makeAccount(), crypto.randomUUID()];
    await applyD1Migrations(OLD_DB, inject('migrations'));
    await OLD_DB.prepare(
      `INSERT INTO revoked_link VALUES (?, '2999-01-01T00:00:00.000Z', '${id}', '${id}')`,
    )
      .bind(account)
      .run();
    await runInDurableObject(getObject(account), async (_, { storage }) => {
      const db = interceptD1(OLD_DB, async (method, call) => {
        const answer = await call();
        if (method === 'batch' && storage.kv.get<State>('arrival')?.step === 'noting')
          throw new Error('Network connection lost.');
        return answer;
      });
      vi.spyOn(console, 'error').mockImplementation(() => {});
      await askPatiently(createArrival(storage, db), { account, ...HERE });
      storage.sql.exec('ALTER TABLE deleted_evaluation ADD COLUMN reason text');
    });
    await OLD_DB.exec('ALTER TABLE deleted_evaluation ADD COLUMN reason text');
    onTestFinished(async () => {
      await OLD_DB.exec('ALTER TABLE deleted_evaluation DROP COLUMN reason');
    });

    expect(await arriveWith(account, OLD_DB)).toBeUndefined();
    expect((await readFromObject(account))['revoked_link']).toHaveLength(1);
  });

  it('never reads more of the largest labels at a time than fit into its memory', async () => {
    const account = makeAccount();
    const categories = JSON.stringify(
      Array.from({ length: 240 }, (_, index) => String(index).padStart(255, 'x')),
    );
    const storeLabels = (account_id: string) =>
      DB.prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 201)
        INSERT INTO evaluation_label (id, account_id, name, value_type, categories)
        SELECT printf('%08x-0000-4000-8000-%012d', 16 + i, abs(random() % 1000000000)), ?1, 'tone', 'ordinal', ?2 FROM n`,
      )
        .bind(account_id, categories)
        .run();
    await storeLabels(account);
    await storeLabels('shared');
    onTestFinished(async () => {
      const sql = `DELETE FROM evaluation_label WHERE account_id = 'shared' AND categories = ?`;
      await DB.prepare(sql).bind(categories).run();
    });
    const before = await readFromD1(account);
    const sizes: number[] = [];
    const db = interceptD1(DB, async (_, call) => {
      const answer = await call();
      sizes.push(JSON.stringify(answer).length);
      return answer;
    });

    const refusals = await runInDurableObject(getObject(account), async (_, { storage }) => {
      const arrival = createArrival(storage, db);
      const labels = createSharedLabels(storage, db);
      return [
        await askPatiently(arrival, { account, ...HERE }),
        await askPatiently(labels, { params: {} }),
      ];
    });

    expect(refusals).toEqual([undefined, undefined]);
    expect(await readFromObject(account)).toEqual(before);
    const shared = await runInDurableObject(getObject(account), (_, { storage }) =>
      storage.sql.exec(select('evaluation_label'), 'shared').toArray(),
    );
    expect(shared).toEqual((await readFromD1('shared'))['evaluation_label']);
    expect(Math.max(...sizes)).toBeLessThan(8 * 1024 * 1024);
  });

  it('begins the copy again if somebody deletes rows in D1 past the API', async () => {
    const { account, row } = await storeAccount();
    let isDeleted = false;

    const refusal = await runInDurableObject(getObject(account), (_, { storage }) => {
      const db = interceptD1(DB, async (_method, call) => {
        if (storage.kv.get<State>('arrival')?.step === 'comparing' && !isDeleted) {
          isDeleted = true;
          await DB.prepare('DELETE FROM run_evaluation WHERE id = ?').bind(row.id).run();
        }
        return call();
      });
      return askPatiently(createArrival(storage, db), { account, ...HERE });
    });

    expect([refusal, isDeleted]).toEqual([undefined, true]);
    const { run_evaluation, run_evaluation_history } = await readFromObject(account);
    expect(run_evaluation).toHaveLength(1);
    expect(run_evaluation_history).toEqual([]);
  });

  it('copies a table page by page, also if a page ends with the table', async () => {
    for (const rows of [499, 500, 501, 1100]) {
      const account = makeAccount();
      const run_id = crypto.randomUUID();
      await DB.prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?3)
        INSERT INTO run_evaluation (id, account_id, run_id, evaluation_label_id, value, created_by, created_at)
        SELECT printf('00000000-0000-4000-8000-%012d', i), ?1, ?2, ?2, i, 'a', '2026-01-01T00:00:00.000Z' FROM n`,
      )
        .bind(account, run_id, rows)
        .run();
      const before = await readFromD1(account);

      expect(await arriveWith(account, DB)).toBeUndefined();

      expect(await readFromObject(account)).toEqual(before);
      await finish(account);
      expect(countRows(await readFromD1(account))).toBe(0);
    }
  });

  it('does not finish the copy while D1 has a column that the object does not know', async () => {
    const [account, run_id] = [makeAccount(), crypto.randomUUID()];
    await applyD1Migrations(OLD_DB, inject('migrations'));
    await OLD_DB.prepare(
      `INSERT INTO revoked_link VALUES (?1, '2999-01-01T00:00:00.000Z', '${run_id}', '${run_id}')`,
    )
      .bind(account)
      .run();
    await OLD_DB.exec('ALTER TABLE revoked_link ADD COLUMN reason text');

    const refusals = [await arriveWith(account, OLD_DB), await arriveWith(account, OLD_DB)];

    const unknown = {
      wait: 60,
      cause: expect.stringContaining('tables or columns of accounts that the object does not'),
    };
    expect(refusals).toEqual([unknown, unknown]);
    expect((await readFromD1(account, OLD_DB))['revoked_link']).toHaveLength(1);
    await runInDurableObject(getObject(account), (_, { storage }) => {
      storage.sql.exec('ALTER TABLE revoked_link ADD COLUMN reason text');
    });
    expect(await arriveWith(account, OLD_DB)).toBeUndefined();
    expect((await readFromObject(account))['revoked_link']).toHaveLength(1);
  });
});

type State = { readonly step: string };

describe('the alarm of an object that is killed', () => {
  /** Stores an account whose object has copied the rows but has not deleted them from D1. */
  async function storeArrived() {
    const { account } = await storeAccount();
    vi.spyOn(console, 'error').mockImplementation(() => {});
    await runInDurableObject(getObject(account), async (_, { storage }) => {
      const db = interceptD1(DB, (_method, call) => {
        if (storage.kv.get<State>('arrival')?.step === 'deleting')
          throw new Error('Network connection lost.');
        return call();
      });
      const arrival = createArrival(storage, db);
      expect(await askPatiently(arrival, { account, ...HERE })).toBeUndefined();
      // After `resume` returns, the object does not change its alarm.
      await arrival.resume();
    });
    return getObject(account);
  }
  const readAlarm = (stub: ReturnType<typeof getObject>) =>
    runInDurableObject(stub, (_, { storage }) => storage.getAlarm());

  it('does not postpone an alarm that is set, so that an object never cancels its own alarm', async () => {
    const stub = await storeArrived();
    const at = Date.now() + 60_000;
    await runInDurableObject(stub, (_, { storage }) => storage.setAlarm(at));

    await evictDurableObject(stub);

    expect(await readAlarm(stub)).toBe(at);
  });

  it('sets an alarm if none is set and work is left', async () => {
    const stub = await storeArrived();
    await runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());

    await evictDurableObject(stub);

    await expect
      .poll(() => readAlarm(stub), { timeout: PATIENCE_MS })
      .toBeLessThan(Date.now() + 60_000);
  });
});

describe('the migrations of an object', () => {
  const readSchema = async (run: (sql: string) => Promise<unknown[]> | unknown[]) =>
    Promise.all([
      run(`SELECT type, name, tbl_name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'
        AND name NOT LIKE 'sqlite_%' AND tbl_name NOT IN ('d1_migrations', 'applied_migration') ORDER BY 1, 2`),
      ...TABLES.map((table) => run(`PRAGMA table_info(${table})`)),
    ]);

  it('makes the tables, indexes and triggers in an object that D1 has', async () => {
    const { account } = await storeAccount();
    await arriveWith(account, DB);

    const theirs = await readSchema(async (sql) => (await DB.prepare(sql).all()).results);
    const own = await runInDurableObject(getObject(account), (_, { storage }) =>
      readSchema((sql) => storage.sql.exec(sql).toArray()),
    );

    expect(own).toEqual(theirs);
    expect(own[0]?.length).toBeGreaterThan(25);
  });

  it('applies migrations when an object starts, also those that are newer than its rows', async () => {
    const account = makeAccount();
    const [tables, triggers] = MIGRATIONS;
    const applied = await runInDurableObject(getObject(account), (_, { storage }) => {
      const { sql, kv } = storage;
      sql.exec('CREATE TABLE applied_migration (name TEXT PRIMARY KEY) STRICT');
      sql.exec(tables.sql);
      sql.exec(`INSERT INTO applied_migration VALUES ('${tables.name}'), ('9999_unknown.sql')`);
      kv.put('arrival', { step: 'done', life: 'a', at: '', account, place: '' });
      createArrival(storage, DB);
      createArrival(storage, DB);
      return [
        sql.exec('SELECT name FROM applied_migration ORDER BY 1').toArray(),
        sql.exec(`SELECT count(*) AS n FROM sqlite_master WHERE type = 'trigger'`).one()['n'],
      ];
    });

    expect(applied).toEqual([
      [{ name: tables.name }, { name: triggers.name }, { name: '9999_unknown.sql' }],
      triggers.sql.match(/CREATE TRIGGER/g)?.length,
    ]);
  });

  it('answers 503 while an object lacks a migration that a call needs', async () => {
    const account = makeAccount();
    const call: ObjectCall = { account, place: '', migration: '9999_new.sql', params: {} };

    const answer = await getObject(account).run(call);

    expect(answer).toEqual({
      refusal: { wait: 5, cause: 'the object runs a version of the Worker without 9999_new.sql' },
    });
  });
});

describe('a shared label', () => {
  const createUnder = async (account_id: string, evaluation_label_id: string, value: number) =>
    request(`/v1/run/${crypto.randomUUID()}/evaluations`, {
      method: 'POST',
      body: JSON.stringify({ evaluation_label_id, value }),
      headers: await buildHeaders(account_id),
    });
  const advanceClock = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

  it('applies a changed shared label in every object after a minute', async () => {
    vi.useFakeTimers(STOPPED);
    const account = makeAccount();
    const label = await storeLabel({ account_id: 'shared', value_type: 'binary' });
    const send = createObjectWorker(account);
    expect((await send(await createUnder(account, label.id, 2))).status).toBe(422);
    expect((await send(await createUnder(account, label.id, 1))).status).toBe(201);

    await DB.prepare('UPDATE evaluation_label SET archived_at = ?2 WHERE id = ?1')
      .bind(label.id, '2026-02-01T00:00:00.000Z')
      .run();
    advanceClock(60_000);
    const archived = await send(await createUnder(account, label.id, 1));
    await DB.prepare('DELETE FROM evaluation_label WHERE id = ?').bind(label.id).run();
    advanceClock(60_000);
    const gone = await send(await createUnder(account, label.id, 1));

    expect([archived.status, gone.status]).toEqual([422, 404]);
  });

  it('applies a shared label although the clock of the object was set back', async () => {
    vi.useFakeTimers(STOPPED);
    const account = makeAccount();
    const row = await storeEvaluation({ account_id: account });
    const label = await storeLabel({ account_id: 'shared', value_type: 'binary' });
    const send = createObjectWorker(account);
    const token = await mintToken({ account_id: account });
    expect((await send(await createUnder(account, label.id, 1))).status).toBe(201);
    expect((await send(await putValue(row, 9, token))).status).toBe(200);

    advanceClock(-120_000);
    await DB.prepare('UPDATE evaluation_label SET archived_at = ?2 WHERE id = ?1')
      .bind(label.id, '2026-02-01T00:00:00.000Z')
      .run();
    await storeLabel({ id: row.evaluation_label_id, account_id: 'shared', value_type: 'binary' });

    expect((await send(await createUnder(account, label.id, 1))).status).toBe(422);
    expect((await send(await putValue(row, 8, token))).status).toBe(422);
  });

  it('fetches an unknown shared label before it judges a value by the label', async () => {
    const account = makeAccount();
    const row = await storeEvaluation({ account_id: account });
    const send = createObjectWorker(account);
    const token = await mintToken({ account_id: account });
    expect((await send(await putValue(row, 9, token))).status).toBe(200);
    await send(await get(buildPath(row), await buildHeaders(account)));

    const label = await storeLabel({ account_id: 'shared', value_type: 'binary' });
    expect((await send(await createUnder(account, label.id, 2))).status).toBe(422);
    expect((await send(await createUnder(account, label.id, 1))).status).toBe(201);
  });

  it('looks up a missing label once a minute, and allows any value under it', async () => {
    vi.useFakeTimers(STOPPED);
    const account = makeAccount();
    const row = await storeEvaluation({ account_id: account });
    const { db, calls } = countCalls(DB);
    const send = createObjectWorker(account);
    const token = await mintToken({ account_id: account });
    await send(await get(buildPath(row), await buildHeaders(account)));
    await runInDurableObject(getObject(account), (object, { storage }) => {
      Reflect.set(object, 'labels', createSharedLabels(storage, db));
    });

    for (const value of [70, 80, 90]) await send(await putValue(row, value, token));
    expect(calls).toEqual(['all', 'first']);
    advanceClock(59_000);
    await storeLabel({ id: row.evaluation_label_id, account_id: 'shared', value_type: 'binary' });
    expect((await send(await putValue(row, 5, token))).status).toBe(200);
    advanceClock(1000);
    expect((await send(await putValue(row, 6, token))).status).toBe(422);
  });

  it('judges by the old copy of a shared label while D1 does not answer, and answers 503 without a copy', async () => {
    vi.useFakeTimers(STOPPED);
    const account = makeAccount();
    const label = await storeLabel({ account_id: 'shared', value_type: 'binary' });
    const row = await storeEvaluation({ account_id: account, evaluation_label_id: label.id });
    const { db } = makeFlakyD1(DB, 'Network connection lost.', 'fails');
    const send = createObjectWorker(account);
    const token = await mintToken({ account_id: account });
    const put = async (value: number) => (await send(await putValue(row, value, token))).status;
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const breakD1 = () =>
      runInDurableObject(getObject(account), (object, { storage }) => {
        Reflect.set(object, 'labels', createSharedLabels(storage, db));
      });

    expect(await arriveWith(account, DB)).toBeUndefined();
    await evictDurableObject(getObject(account));
    await breakD1();
    const early = await createWorker({ ACCOUNT_OBJECTS: account })(await putValue(row, 1, token));
    expect(early.status).toBe(503);
    await evictDurableObject(getObject(account));
    expect(await put(1)).toBe(200);
    await breakD1();
    expect([await put(0), await put(2)]).toEqual([200, 422]);
  });

  it('never answers 404 for a shared label before the object has read the shared labels', async () => {
    const account = makeAccount();
    const label = await storeLabel({ account_id: 'shared', value_type: 'binary' });
    const { db } = makeFlakyD1(DB, 'Network connection lost.', 'fails');
    expect(await arriveWith(account, DB)).toBeUndefined();
    await evictDurableObject(getObject(account));
    await runInDurableObject(getObject(account), (object, { storage }) => {
      Reflect.set(object, 'labels', createSharedLabels(storage, db));
    });
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const send = createWorker({ ACCOUNT_OBJECTS: account });
    const read = async () => {
      const { status } = await send(await get(buildLabelPath(label), await buildHeaders(account)));
      return status;
    };

    expect([await read(), await read(), await read()]).toEqual([503, 503, 503]);
  });

  it('reads shared labels again once D1 answers, although D1 never answered an earlier call', async () => {
    const account = makeAccount();
    const label = await storeLabel({ account_id: 'shared', value_type: 'binary' });
    expect(
      (await createObjectWorker(account)(await createUnder(account, label.id, 1))).status,
    ).toBe(201);
    await DB.prepare('UPDATE evaluation_label SET archived_at = ?2 WHERE id = ?1')
      .bind(label.id, '2026-02-01T00:00:00.000Z')
      .run();
    let calls = 0;
    const silent = interceptD1(DB, (_, call) => {
      calls += 1;
      return calls === 1 ? new Promise(() => {}) : call();
    });

    vi.useFakeTimers(STOPPED);
    const archived = await runInDurableObject(getObject(account), async (_, { storage }) => {
      const labels = createSharedLabels(storage, silent);
      const early = labels.findRefusal({ params: {} });
      vi.advanceTimersByTime(1000);
      const refusals = [await early];
      await vi.advanceTimersByTimeAsync(60_000);
      refusals.push(await labels.findRefusal({ params: {} }));
      const sql = 'SELECT archived_at FROM evaluation_label WHERE id = ?';
      return [...refusals, storage.sql.exec(sql, label.id).one()['archived_at']];
    });

    expect(archived).toEqual([undefined, undefined, '2026-02-01T00:00:00.000Z']);
  });

  it('waits for shared labels at most once in five seconds while D1 does not answer', async () => {
    const account = makeAccount();
    expect(
      (
        await createObjectWorker(account)(
          await get('/v1/evaluation-labels', await buildHeaders(account)),
        )
      ).status,
    ).toBe(200);
    const silent = interceptD1(DB, () => new Promise(() => {}));

    vi.useFakeTimers(STOPPED);
    const waits = await runInDurableObject(getObject(account), async (_, { storage }) => {
      const labels = createSharedLabels(storage, silent);
      const times: number[] = [];
      const started = Date.now();
      while (Date.now() - started < 5000) {
        const timers = vi.getTimerCount();
        const asked = labels.findRefusal({ params: {} });
        // A new timer means that `findRefusal` waits for D1.
        if (vi.getTimerCount() > timers) {
          times.push(Date.now() - started);
          vi.advanceTimersByTime(1000);
        }
        expect(await asked).toBeUndefined();
        vi.advanceTimersByTime(100);
      }
      return times;
    });

    expect(waits).toEqual([0]);
  });
});

describe('an object that fails', () => {
  type Run = AccountObject['run'];
  /**
   * Makes a fake binding `ACCOUNT_OBJECT` that passes each call to `run`. `found` lists the
   * jurisdiction, name and options of each lookup.
   */
  const interceptObject = (run: (call: ObjectCall, send: Run) => ReturnType<Run>) => {
    const found: unknown[] = [];
    const namespace = (jurisdiction?: string): object => ({
      jurisdiction: (name: string) => namespace(name),
      getByName: (name: string, options?: object) => {
        found.push([jurisdiction, name, options]);
        const stub = ACCOUNT_OBJECT.getByName(name);
        return {
          run: (call: ObjectCall) => run(call, (sent) => stub.run(sent) as ReturnType<Run>),
        };
      },
    });
    return { found, settings: { ACCOUNT_OBJECT: namespace() as typeof ACCOUNT_OBJECT } };
  };

  async function storeMovedAccount() {
    const stored = await storeAccount();
    const read = await get(buildPath(stored.row), stored.headers);
    expect((await createObjectWorker(stored.account)(read)).status).toBe(200);
    return stored;
  }

  it.each([
    ['Network connection lost.', 200, 2],
    ['Durable Object reset because its code was updated.', 200, 2],
    ['internal error; reference = abc123', 200, 2],
    ['Durable Object is overloaded. Requests queued for too long.', 503, 1],
    ['Durable Object exceeded its CPU time limit and was reset.', 503, 1],
  ])(
    'calls a failing object again or answers 503, as for D1: %s',
    async (message, status, attempts) => {
      const { account, row } = await storeMovedAccount();
      vi.spyOn(console, 'error').mockImplementation(() => {});
      let calls = 0;
      const { settings, found } = interceptObject(async (call, send) => {
        calls += 1;
        if (calls === 1) throw Object.assign(new Error(message), { remote: true });
        return send(call);
      });

      const token = await mintToken({ account_id: account });
      const response = await createObjectWorker(account, settings)(await putValue(row, 9, token));

      expect([response.status, calls, found.length]).toEqual([status, attempts, attempts]);
      if (status === 503) expect(response.headers.get('retry-after')).toBe('5');
    },
  );

  it('stores a write once if the object fails after the commit', async () => {
    const { account, row } = await storeMovedAccount();
    let calls = 0;
    const { settings } = interceptObject(async (call, send) => {
      calls += 1;
      const answer = await send(call);
      if (calls === 1) throw new Error('Network connection lost.');
      return answer;
    });

    const token = await mintToken({ account_id: account });
    const response = await createObjectWorker(account, settings)(await putValue(row, 9, token));

    expect([response.status, calls]).toEqual([200, 2]);
    const { run_evaluation_history } = await readFromObject(account);
    expect(run_evaluation_history?.map(({ value }) => value)).toEqual([1, 4, 5]);
  });

  it('finds an object in its jurisdiction or near its place, anew for each attempt', async () => {
    const { account, row, headers } = await storeAccount();
    const { settings, found } = interceptObject(async () => ({
      fault: 'Network connection lost.',
    }));
    const clock = { ...systemClock, sleep: () => Promise.resolve() };
    vi.spyOn(console, 'error').mockImplementation(() => {});

    for (const place of ['@eu', '@apac-ne', ''])
      await createWorker(
        { ACCOUNT_OBJECTS: `${account}${place}`, ...settings },
        clock,
      )(await get(buildPath(row), headers));

    expect(found).toEqual([
      ...Array.from({ length: 4 }, () => ['eu', account, undefined]),
      ...Array.from({ length: 4 }, () => [undefined, account, { locationHint: 'apac-ne' }]),
      ...Array.from({ length: 4 }, () => [undefined, account, {}]),
    ]);
  });

  it('refuses to bind a value that SQLite would store as another one', async () => {
    const { account } = await storeAccount();
    await arriveWith(account, DB);
    const store = objectStore(ACCOUNT_OBJECT, account, '');
    for (const value of [true, undefined, Number.NaN, Number.POSITIVE_INFINITY, 1n, {}]) {
      const connection = connect(store, systemClock);
      const read = connection.read({ sql: 'SELECT ?1 AS value', params: ['value'] }, { value });
      await expect(read).rejects.toThrow('the parameter value cannot be stored');
    }
  });
});

it('npm start loads the sample data again, without the rows of an account in an object', async () => {
  await DB.prepare('INSERT INTO account_object VALUES (?, ?, ?, NULL)')
    .bind(ACCOUNT, '', 'a'.repeat(32))
    .run();
  onTestFinished(async () => {
    await DB.prepare('DELETE FROM account_object WHERE account_id = ?').bind(ACCOUNT).run();
  });

  for (const sql of inject('sample').split(/;\n/))
    if (sql.trim() !== '') await DB.prepare(sql).run();

  expect(
    await readRows(`SELECT count(*) AS n FROM run_evaluation WHERE id LIKE '018f4d3d%'`),
  ).toEqual([{ n: 4 }]);
});

it('GET /health asks D1 alone, whatever the setting', async () => {
  const response = await createObjectWorker('*', { ACCOUNT_OBJECT: undefined })(
    new Request('https://api.test/health'),
  );

  expect(response.status).toBe(200);
});
