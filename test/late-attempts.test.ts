/**
 * Tests writes that the Worker retries. A 200 has the row that D1 stored, even if an attempt fails,
 * loses its response or arrives late.
 */
import { describe, expect, it } from 'vitest';
import { makeDatabaseUnavailable } from './support/answers.ts';
import { interceptD1, makeFlakyD1 } from './support/d1.ts';
import { edge, LOST, makeUpdate, mintTokenAt, NOW, readValues } from './support/edge.ts';
import {
  buildLabelPath,
  buildPath,
  DB,
  expectRefusal,
  expectUnbroken,
  type Row,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  storeLabel,
} from './support/worker.ts';

describe('an attempt of a write', () => {
  it('stores the retry of an attempt that failed, though an older write had the same value and author', async () => {
    const row = await storeEvaluation({ value: 1 });
    // The first clock is one second ahead, so the row's version is in the future for other clocks.
    await edge(1)(await makeUpdate(row, 2, { sub: 'user-c' }));
    await edge()(await makeUpdate(row, 5));
    await edge()(await makeUpdate(row, 7, { sub: 'user-b' }));

    const response = await edge(
      0,
      makeFlakyD1(DB, LOST, 'fails', 'succeeds').db,
    )(await makeUpdate(row, 5));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(await readEvaluation(row.id));
    expect(await readValues(row)).toEqual([1, 2, 5, 7, 5]);
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('stores nothing for an attempt that arrives after its retry and the write of another caller', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { db, arrive } = makeFlakyD1(DB, LOST, 'is late', 'succeeds');

    expect((await edge(0, db)(await makeUpdate(row, 5))).status).toBe(200);
    await edge()(await makeUpdate(row, 7, { sub: 'user-b' }));
    await arrive();

    expect(await readValues(row)).toEqual([1, 5, 7]);
  });

  it('stores nothing for a late attempt whose retry repeated what was stored already', async () => {
    const row = await storeEvaluation({ value: 1 });
    await edge()(await makeUpdate(row, 5));
    const { db, arrive } = makeFlakyD1(DB, LOST, 'is late', 'succeeds');

    expect((await edge(0, db)(await makeUpdate(row, 5))).status).toBe(200);
    await edge()(await makeUpdate(row, 7, { sub: 'user-b' }));
    await arrive();

    expect(await readEvaluation(row.id)).toMatchObject({ value: 7, updated_by: 'user-b' });
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('returns what a write stored if its response was lost and another caller has replaced the value, with any clocks', async () => {
    for (const seconds of [-5, 0, 5]) {
      const row = await storeEvaluation({ value: 1 });
      let calls = 0;
      const db = interceptD1(DB, async (_, call) => {
        calls += 1;
        const answer = await call();
        if (calls > 1) return answer;
        await edge(seconds)(await makeUpdate(row, 7, { sub: 'user-b' }));
        throw new Error(`D1_ERROR: ${LOST}`);
      });

      const response = await edge(0, db)(await makeUpdate(row, 5));

      expect(response.status).toBe(200);
      const stored = await response.json<Row>();
      expect(stored).toEqual({
        ...row,
        value: 5,
        updated_by: 'user-a',
        updated_at: NOW.toISOString(),
      });
      expect(response.headers.get('etag')).toBe(`"${stored.updated_at}"`);
      expect(await readValues(row)).toEqual([1, 5, 7]);
    }
  });
});

const makeRequest = async (path: string, method: string, body?: object) =>
  request(path, {
    method,
    ...(body && { body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${await mintTokenAt({ sub: 'user-a' })}` },
  });

const makeCreate = ({ run_id, id, evaluation_label_id }: Row) =>
  makeRequest(`/v1/run/${run_id}/evaluations`, 'POST', { id, evaluation_label_id, value: 5 });

const makeMissing = async (): Promise<Row> => ({
  ...(await storeEvaluation()),
  id: crypto.randomUUID(),
  evaluation_label_id: crypto.randomUUID(),
});

/** A link id begins with the time at which the link expires. */
const LINK_ID = (NOW.getTime() + 60_000)
  .toString(16)
  .padStart(12, '0')
  .replace(/(.{8})(.{4})/, '$1-$2-7000-8000-000000000000');

describe('a refusal after a lost attempt', () => {
  const ARCHIVED = { archived_at: '2026-02-01T00:00:00.000Z' };

  it.each<[string, number, (row: Row) => Promise<Request>]>([
    ['an update of a missing evaluation', 404, (row) => makeUpdate(row, 5)],
    ['a deletion of a missing evaluation', 404, (row) => makeRequest(buildPath(row), 'DELETE')],
    ['a create under a missing label', 404, makeCreate],
    [
      'a create under an archived label',
      422,
      async (row) => {
        await storeLabel({ id: row.evaluation_label_id, ...ARCHIVED });
        return makeCreate(row);
      },
    ],
    [
      'a create with the id of another evaluation',
      409,
      async (row) => {
        await storeLabel({ id: row.evaluation_label_id });
        return makeCreate(await storeEvaluation({ ...row, value: 1 }));
      },
    ],
    [
      'an update of a missing label',
      404,
      (row) =>
        makeRequest(buildLabelPath({ id: row.evaluation_label_id }), 'PUT', { name: 'Tone' }),
    ],
    [
      'an update of a field of a label that others change',
      422,
      async (row) => {
        await storeLabel({ id: row.evaluation_label_id, ...ARCHIVED });
        const body = { name: 'Tone', archived_at: null };
        return makeRequest(buildLabelPath({ id: row.evaluation_label_id }), 'PUT', body);
      },
    ],
    [
      'a revocation of a link to a missing evaluation',
      404,
      (row) => makeRequest(`${buildPath(row)}/links/${LINK_ID}`, 'DELETE'),
    ],
  ])(
    'answers 503 instead of a refusal whose reason another caller can remove: %s',
    async (_, status, make) => {
      const row = await makeMissing();
      const sent = await make(row);
      const before = await readEvaluation(row.id);
      const { db } = makeFlakyD1(DB, LOST, 'is late', 'succeeds');

      await expectRefusal(await edge(0, db)(sent.clone()), makeDatabaseUnavailable(1));

      expect(await readEvaluation(row.id)).toEqual(before);
      expect((await edge()(sent)).status).toBe(status);
    },
  );

  it('does not tell that nothing was stored if another caller deleted what the lost attempt stored', async () => {
    const row = await makeMissing();
    await storeLabel({ id: row.evaluation_label_id });
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      const answer = await call();
      if (calls > 1) return answer;
      await edge()(await makeRequest(buildPath(row), 'DELETE'));
      throw new Error(`D1_ERROR: ${LOST}`);
    });

    await expectRefusal(await edge(0, db)(await makeCreate(row)), makeDatabaseUnavailable(1));

    expect(await readEvaluation(row.id)).toBe(null);
  });

  it('refuses with 412 and 422 what no lost attempt can store later', async () => {
    const row = await storeEvaluation({ value: 1 });
    await storeLabel({ id: row.evaluation_label_id, max_value: 10 });
    const stale = { headers: { 'if-match': '"2020-01-01T00:00:00.000Z"' } };
    for (const [sent, status] of [
      [await makeUpdate(row, 5, stale), 412],
      [await makeUpdate(row, 11), 422],
    ] as const) {
      const { db, arrive } = makeFlakyD1(DB, LOST, 'is late', 'succeeds');

      expect((await edge(0, db)(sent)).status).toBe(status);
      await arrive();

      expect(await readEvaluation(row.id)).toEqual(row);
    }
  });

  it('refuses a read as usual, because a read stores nothing', async () => {
    const { db } = makeFlakyD1(DB, LOST, 'fails', 'succeeds');
    const sent = await makeRequest(buildPath(await makeMissing()), 'GET');

    expect((await edge(0, db)(sent)).status).toBe(404);
  });
});
