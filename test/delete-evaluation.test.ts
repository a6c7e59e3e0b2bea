/**
 * Tests deleteEvaluation. No late or repeated request brings the evaluation back, or deletes a
 * newer evaluation with the same id.
 */
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../src/clock.ts';
import { NOT_FOUND } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { countCalls, countRows, interceptD1, makeFlakyD1 } from './support/d1.ts';
import { createLinkTo, open, post } from './support/links.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  get,
  makeAccount,
  mintToken,
  putValue,
  type Row,
  readEvaluation,
  readHistory,
  readRows,
  readRun,
  request,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

type Sent = { claims?: object; headers?: Record<string, string> };

const remove = async (row: Pick<Row, 'run_id' | 'id'>, { claims = {}, headers = {} }: Sent = {}) =>
  request(buildPath(row), {
    method: 'DELETE',
    headers: { authorization: `Bearer ${await mintToken({ ...claims })}`, ...headers },
  });

const KEY = { headers: { 'idempotency-key': 'a' } };

async function createAgain(row: Row, value = 2): Promise<Request> {
  // The Worker refuses a create that begins in the same millisecond as the deletion.
  await scheduler.wait(2);
  return request(`/v1/run/${row.run_id}/evaluations`, {
    method: 'POST',
    body: JSON.stringify({ id: row.id, evaluation_label_id: row.evaluation_label_id, value }),
  });
}

async function storeWithLabel(fields: Partial<Row> = {}): Promise<Row> {
  const row = await storeEvaluation(fields);
  await storeLabel({ id: row.evaluation_label_id, account_id: row.account_id });
  return row;
}

const LOST = 'Network connection lost.';
const lossyAt = (clock: Clock, ...fates: Parameters<typeof makeFlakyD1>[2][]) => {
  const { db, arrive } = makeFlakyD1(DB, LOST, ...fates);
  return { send: createWorker({ DB: db }, clock), arrive };
};
const lossy = (...fates: Parameters<typeof makeFlakyD1>[2][]) => lossyAt(systemClock, ...fates);
const clockAhead = (seconds: number) => createStillClock(new Date(Date.now() + 1000 * seconds));

const ID_WAS_DELETED = {
  status: 409,
  error:
    'The evaluation with this id was deleted after this request began: send the request again to create a new one.',
};

const listWrites = (row: Row) =>
  readRows('SELECT * FROM keyed_write WHERE evaluation_id = ?', row.id);

describe('deleteEvaluation', () => {
  it('deletes the evaluation with its history, in one call to D1, and nothing else', async () => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });
    const foreign = await storeEvaluation({ ...row, account_id: makeAccount() });
    await worker(await putKeyed(row, 4));
    await worker(await putValue(sibling, 4));
    const before = await readRun(row.run_id);
    const { db, calls } = countCalls(DB);

    const response = await createWorker({ DB: db })(await remove(row));

    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(calls).toEqual(['batch']);
    const isOfRow = ({ id, account_id }: Row) => id === row.id && account_id === row.account_id;
    expect(await readRun(row.run_id)).toEqual(before.filter((one) => !isOfRow(one)));
    expect(await readHistory(row.id)).toEqual([]);
    expect(await listWrites(row)).toEqual([]);
    expect(await readHistory(sibling.id)).toHaveLength(1);
    expect(foreign.id).toBe(row.id);
    for (const path of [buildPath(row), `${buildPath(row)}/history`])
      await expectRefusal(await worker(await get(path)), NOT_FOUND);
    await expectRefusal(await worker(await putValue(row, 5)), NOT_FOUND);
  });

  it('keeps a note of the deletion without the value', async () => {
    const row = await storeEvaluation({ account_id: makeAccount() });
    await worker(await remove(row, { claims: { account_id: row.account_id } }));

    const notes = await readRows<object>(
      'SELECT * FROM deleted_evaluation WHERE account_id = ?',
      row.account_id,
    );

    expect(notes.map((note) => Object.keys(note))).toEqual([
      ['account_id', 'evaluation_id', 'run_id', 'deleted_at', 'write_id'],
    ]);
  });

  it('refuses the links to a deleted evaluation', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    await worker(await remove(row));

    expect((await worker(open(url))).status).toBe(404);
    expect((await worker(post(url, { value: 7 }))).status).toBe(404);
  });

  it('answers 404 to a deletion with a token that is restricted to the evaluation, and deletes nothing', async () => {
    const row = await storeEvaluation();

    const response = await worker(await remove(row, { claims: { evaluation_id: row.id } }));

    await expectRefusal(response, NOT_FOUND);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('deletes only the version that If-Match names: otherwise 412 with the current ETag', async () => {
    const row = await storeEvaluation();
    const { headers } = await worker(await putValue(row, 4));
    const etag = headers.get('etag') ?? '';
    const stale = { headers: { 'if-match': `"${row.created_at}"` } };

    const refused = await worker(await remove(row, stale));
    expect(refused.status).toBe(412);
    expect(refused.headers.get('etag')).toBe(etag);
    expect((await readEvaluation(row.id))?.value).toBe(4);

    const current = { headers: { 'if-match': `"x", ${etag}` } };
    expect((await worker(await remove(row, current))).status).toBe(204);
    expect(await readEvaluation(row.id)).toBe(null);
  });

  it('a deletion and a write cost the same however often the id was used and deleted before', async () => {
    const account_id = makeAccount();
    const row = await storeEvaluation({ account_id });
    const headers = { 'idempotency-key': 'b' };
    await DB.prepare(
      `INSERT INTO deleted_evaluation (account_id, evaluation_id, run_id, deleted_at, write_id)
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
       SELECT ?1, ?2, ?2, ?3, printf('%032x', n) FROM n`,
    )
      .bind(account_id, row.id, new Date(Date.now() - 3_600_000).toISOString())
      .run();
    await storeEvaluation(row);
    const { db, rows } = countRows(DB);
    const token = await mintToken({ account_id });

    await createWorker({ DB: db })(await putValue(row, 9, token));
    await createWorker({ DB: db })(await remove(row, { claims: { account_id }, headers }));
    await createWorker({ DB: db })(await remove(row, { claims: { account_id }, headers }));

    expect(rows.map(({ written }) => written)).toEqual([2, 5, 0]);
    expect(Math.max(...rows.map(({ read }) => read))).toBeLessThanOrEqual(11);
  });

  it('a deletion costs the same however much was deleted before, and removes ten notes older than seven days', async () => {
    const account_id = makeAccount();
    const row = await storeEvaluation({ account_id });
    await DB.prepare(
      `INSERT INTO deleted_evaluation (account_id, evaluation_id, run_id, write_id, deleted_at)
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
       SELECT ?1, ?2, ?2, printf('%024x', n), '2026-01-01T00:00:00.000Z' FROM n`,
    )
      .bind(account_id, crypto.randomUUID())
      .run();
    await DB.prepare(`UPDATE deleted_evaluation SET deleted_at = ?2 WHERE account_id = ?1`)
      .bind(account_id, new Date(Date.now() - 8 * 24 * 3600 * 1000).toISOString())
      .run();
    const { db, rows } = countRows(DB);

    await createWorker({ DB: db })(await remove(row, { claims: { account_id } }));

    const sql = 'SELECT 1 FROM deleted_evaluation WHERE account_id = ?';
    expect(await readRows(sql, account_id)).toHaveLength(1000 - 10 + 1);
    expect(rows.map(({ written }) => written)).toEqual([14]);
    expect(Math.max(...rows.map(({ read }) => read))).toBeLessThanOrEqual(100);
  });
});

describe('a deletion that is sent again', () => {
  it.each([
    [404, 'without a key', {}],
    [204, 'with its Idempotency-Key', KEY],
  ])('answers a repeated deletion with %i %s', async (status, _, sent) => {
    const row = await storeEvaluation();

    expect((await worker(await remove(row, sent))).status).toBe(204);
    expect((await worker(await remove(row, sent))).status).toBe(status);
  });

  it('answers 204 to a deletion whose first response was lost after the commit', async () => {
    const row = await storeEvaluation();

    expect((await lossy('is lost', 'succeeds').send(await remove(row))).status).toBe(204);
    expect(await readEvaluation(row.id)).toBe(null);
  });

  it('a repeated deletion with its key keeps what was created under the id since, also after another deletion', async () => {
    const row = await storeWithLabel();
    await worker(await remove(row, KEY));
    await worker(await createAgain(row));
    expect((await worker(await remove(row, KEY))).status).toBe(204);
    expect((await readEvaluation(row.id))?.value).toBe(2);

    await worker(await remove(row, { headers: { 'idempotency-key': 'b' } }));
    await worker(await createAgain(row));
    expect((await worker(await remove(row, KEY))).status).toBe(204);
    expect((await readEvaluation(row.id))?.value).toBe(2);
  });

  it('a deletion with the key of another author, or of another evaluation, is another deletion', async () => {
    const [row, other] = [await storeEvaluation(), await storeEvaluation()];
    await worker(await remove(row, KEY));

    const reviewer = { claims: { sub: 'reviewer' }, ...KEY };
    await expectRefusal(await worker(await remove(row, reviewer)), NOT_FOUND);
    expect((await worker(await remove(other, KEY))).status).toBe(204);
    expect(await readEvaluation(other.id)).toBe(null);
  });

  it('a deletion with the same key and id in another run is another deletion', async () => {
    const row = await storeWithLabel();
    await worker(await remove(row, KEY));
    const moved = { ...row, run_id: crypto.randomUUID() };
    await expectRefusal(await worker(await remove(moved, KEY)), NOT_FOUND);
    expect((await worker(await createAgain(moved))).status).toBe(201);

    expect((await worker(await remove(moved, KEY))).status).toBe(204);
    expect(await readEvaluation(row.id)).toBe(null);
  });

  it('a deletion deletes even if an update had the same key', async () => {
    const row = await storeEvaluation();
    await worker(await putKeyed(row, 4));

    expect((await worker(await remove(row, KEY))).status).toBe(204);
    expect(await readEvaluation(row.id)).toBe(null);
  });
});

describe('an attempt of a request that began before the deletion and arrives after it', () => {
  it.each<[string, (row: Row) => Promise<Request>]>([
    ['an update', (row) => putValue(row, 9)],
    ['an update with a key', async (row) => putKeyed(row, 9)],
    ['a deletion', (row) => remove(row)],
    ['a deletion with a key', (row) => remove(row, KEY)],
    ['a create of the same id', (row) => createAgain(row, row.value)],
  ])(
    'an attempt that began before the deletion changes nothing and brings nothing back: %s',
    async (_, sent) => {
      const row = await storeWithLabel();
      const { send, arrive } = lossy('is late', 'is late', 'fails');
      expect((await send(await sent(row))).status).toBe(503);
      await worker(await remove(row, { claims: { sub: 'reviewer' } }));

      await arrive();

      expect(await readEvaluation(row.id)).toBe(null);
      expect(await readHistory(row.id)).toEqual([]);
    },
  );

  it.each<[string, (row: Row) => Promise<Request>]>([
    ['an update', (row) => putValue(row, 9)],
    ['an update with a key', async (row) => putKeyed(row, 9)],
    ['a deletion', (row) => remove(row)],
    ['a deletion with a key', (row) => remove(row, KEY)],
    ['an update through a link', async (row) => post((await createLinkTo(row)).url, { value: 9 })],
  ])(
    'an attempt that began before the deletion keeps what was created under the id since: %s',
    async (_, sent) => {
      const row = await storeWithLabel();
      const { send, arrive } = lossy('is late', 'fails');
      expect((await send(await sent(row))).status).toBe(503);
      await worker(await remove(row, { claims: { sub: 'reviewer' } }));
      const created = await worker(await createAgain(row));
      expect(created.status).toBe(201);

      await arrive();

      expect(await readEvaluation(row.id)).toEqual({
        ...(await created.json<Row>()),
        updated_at: null,
      });
      expect(await readHistory(row.id)).toEqual([]);
    },
  );

  it('an attempt of a create stores nothing if its retry was stored before the deletion', async () => {
    const row = await storeWithLabel();
    await worker(await remove(row));
    const { send, arrive } = lossy('is late', 'succeeds');
    expect((await send(await createAgain(row))).status).toBe(201);
    await worker(await remove(row));

    await arrive();

    expect(await readEvaluation(row.id)).toBe(null);
  });

  it('a late create from an edge that is ahead is not stored again', async () => {
    const row = await storeWithLabel();
    await worker(await remove(row));
    const { send, arrive } = lossyAt(clockAhead(3), 'is late', 'succeeds');
    expect((await send(await createAgain(row))).status).toBe(201);
    expect((await worker(await remove(row))).status).toBe(204);

    await arrive();

    expect(await readEvaluation(row.id)).toBe(null);
  });

  it('a late update with a key from an edge that is ahead is not stored again', async () => {
    const row = await storeWithLabel();
    const { send, arrive } = lossyAt(clockAhead(3), 'is late', 'succeeds');
    expect((await send(await putKeyed(row, 9))).status).toBe(200);
    expect((await worker(await remove(row))).status).toBe(204);
    expect((await lossyAt(clockAhead(4), 'succeeds').send(await createAgain(row))).status).toBe(
      201,
    );

    await arrive();

    expect((await readEvaluation(row.id))?.value).toBe(2);
  });

  it('a create or an update through a link with a slow body stores nothing after the deletion', async () => {
    const row = await storeWithLabel();
    const { url } = await createLinkTo(row);
    const again = { id: row.id, evaluation_label_id: row.evaluation_label_id, value: 9 };
    const deleteMeanwhile = async (
      sent: Request,
      body: object,
      afterwards?: () => Promise<unknown>,
    ) => {
      const text = new TextEncoder().encode(JSON.stringify(body));
      const slow = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await worker(await remove(row));
          await afterwards?.();
          controller.enqueue(text);
          controller.close();
        },
      });
      return createWorker({})(new Request(sent, { body: slow }));
    };

    const create = await request(`/v1/run/${row.run_id}/evaluations`, { method: 'POST' });
    await expectRefusal(await deleteMeanwhile(create, again), ID_WAS_DELETED);
    await worker(await createAgain(row));
    const post = new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    const late = await deleteMeanwhile(post, { value: 9 }, async () =>
      worker(await createAgain(row)),
    );
    expect(late.status).toBe(404);
    expect((await readEvaluation(row.id))?.value).toBe(2);
  });

  it('an attempt that began while the deletion was on its way stores nothing', async () => {
    const row = await storeWithLabel();
    const update = lossy('is late', 'fails');
    const slow = interceptD1(DB, async (_, call) => {
      expect((await update.send(await putValue(row, 9))).status).toBe(503);
      return call();
    });
    expect((await createWorker({ DB: slow })(await remove(row))).status).toBe(204);
    await worker(await createAgain(row));

    await update.arrive();

    expect((await readEvaluation(row.id))?.value).toBe(2);
  });

  it.each<[string, (row: Row) => Promise<Request>, { status: number; error: string }]>([
    ['an update is 404', (row) => putValue(row, 9), NOT_FOUND],
    ['a deletion is 404', (row) => remove(row), NOT_FOUND],
    ['a create is 409', (row) => createAgain(row), ID_WAS_DELETED],
  ])(
    'an attempt that began before the deletion is refused with a sentence about it: %s',
    async (_, sent, refusal) => {
      const row = await storeWithLabel();
      const db = interceptD1(DB, async (_, call) => {
        await worker(await remove(row));
        return call();
      });

      await expectRefusal(await createWorker({ DB: db })(await sent(row)), refusal);
    },
  );

  it('an attempt is stored if it is for another evaluation, or for the same id of another account', async () => {
    const row = await storeEvaluation();
    const other = await storeEvaluation();
    const foreign = await storeEvaluation({ ...row, account_id: makeAccount() });
    const token = await mintToken({ account_id: foreign.account_id });
    const { send, arrive } = lossy('is late', 'is late', 'is late', 'is late', 'is late');
    await send(await putValue(other, 9));
    await send(await putValue(foreign, 9, token));
    await worker(await remove(row));

    await arrive();

    const sql = 'SELECT value FROM run_evaluation WHERE id IN (?, ?) ORDER BY account_id';
    expect(await readRows(sql, other.id, row.id)).toEqual([{ value: 9 }, { value: 9 }]);
  });
});

async function putKeyed(row: Row, value: number): Promise<Request> {
  const headers = { authorization: `Bearer ${await mintToken()}`, ...KEY.headers };
  return request(buildPath(row), { body: JSON.stringify({ value }), headers });
}
