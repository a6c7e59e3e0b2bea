/**
 * Tests writes that the Worker retries. An attempt may fail, lose its response after the commit, or
 * arrive after its retry. Each 200 still describes what is stored. The databases of these tests
 * simulate the faults, and the clocks of the edges differ by seconds.
 */
import { describe, expect, it } from 'vitest';
import { interceptD1, makeFlakyD1 } from './support/d1.ts';
import { edge, LOST, makeUpdate, NOW, readValues } from './support/edge.ts';
import {
  DB,
  expectUnbroken,
  type Row,
  readEvaluation,
  readHistory,
  storeEvaluation,
} from './support/worker.ts';

describe('an attempt of a write', () => {
  it('stores the retry of an attempt that failed, though an older write had the same value and author', async () => {
    const row = await storeEvaluation({ value: 1 });
    // The clock of this edge is one second ahead. So the row's version is later than the time at
    // the edge that the other callers use.
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
