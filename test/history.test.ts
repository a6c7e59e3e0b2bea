/**
 * Tests that the history gets each replaced value, even if somebody changes the row in a database
 * console.
 */
import { describe, expect, it } from 'vitest';
import { createStillClock } from './support/clock.ts';
import {
  claims,
  createWorker,
  DB,
  expectUnbroken,
  mintToken,
  putValue,
  readEvaluation,
  readHistory,
  requirePresent,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const sql = (query: string, ...values: unknown[]) =>
  DB.prepare(query)
    .bind(...values)
    .run();

describe('the history of an evaluation', () => {
  it('keeps each replaced value, who had set it and when, who replaced it and when', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    const send = createWorker({}, clock);
    const exp = claims({}, clock.now()).exp;

    await send(await putValue(row, 5, await mintToken({ sub: 'judge', exp })));
    clock.advance(60);
    await send(await putValue(row, 8, await mintToken({ sub: 'reviewer', exp })));

    expect(await readHistory(row.id)).toEqual([
      {
        evaluation_id: row.id,
        value: 3,
        updated_by: 'user-7',
        updated_at: row.created_at,
        replaced_by: 'judge',
        replaced_at: '2026-11-22T10:11:12.345Z',
      },
      {
        evaluation_id: row.id,
        value: 5,
        updated_by: 'judge',
        updated_at: '2026-11-22T10:11:12.345Z',
        replaced_by: 'reviewer',
        replaced_at: '2026-11-22T10:12:12.345Z',
      },
    ]);
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('names the evaluator in the history if no person created the evaluation, and nobody if it is not known', async () => {
    const judged = await storeEvaluation({ created_by: null });
    const orphan = await storeEvaluation({ created_by: null, created_by_evaluator_id: null });
    for (const row of [judged, orphan]) await worker(await putValue(row, 5));

    expect(await readHistory(judged.id)).toMatchObject([
      { updated_by: judged.created_by_evaluator_id },
    ]);
    expect(await readHistory(orphan.id)).toMatchObject([
      { updated_by: null, updated_at: orphan.created_at },
    ]);
  });

  it('adds no history for an insert, and none to other evaluations', async () => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });
    await worker(await putValue(row, 5));

    expect(await readHistory(sibling.id)).toEqual([]);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('writes the history in the transaction of the change: if the history fails, the value stays', async () => {
    const row = await storeEvaluation();
    await sql(
      `INSERT INTO run_evaluation_history (account_id, evaluation_id, value, updated_at, replaced_at, write_id)
        SELECT account_id, id, 1, '2026-11-22T10:00:00.000Z', '2026-11-22T10:11:12.345Z', write_id FROM run_evaluation WHERE id = ?`,
      row.id,
    );
    const clock = createStillClock(new Date('2026-11-22T10:11:12.345Z'));
    const token = await mintToken({ exp: claims({}, clock.now()).exp });

    expect((await createWorker({}, clock)(await putValue(row, 5, token))).status).toBe(500);

    expect(await readEvaluation(row.id)).toEqual(row);
  });
});

describe('a console or a seed script', () => {
  it('keeps the history of a change at a console, and increases updated_at', async () => {
    const row = await storeEvaluation();

    await sql('UPDATE run_evaluation SET value = 4 WHERE id = ?', row.id);
    await sql(`UPDATE run_evaluation SET value = 5, updated_by = 'console' WHERE id = ?`, row.id);
    await sql(
      `UPDATE run_evaluation SET value = 6, updated_at = '2020-01-01T00:00:00.000Z' WHERE id = ?`,
      row.id,
    );
    await sql(
      `UPDATE run_evaluation SET value = 7, updated_at = '2099-01-01T00:00:00.000Z' WHERE id = ?`,
      row.id,
    );
    await sql(`UPDATE run_evaluation SET updated_at = NULL WHERE id = ?`, row.id);
    await worker(await putValue(row, 8));

    const stored = await readEvaluation(row.id);
    const history = await readHistory(row.id);
    expect(history.map(({ value }) => value)).toEqual([3, 4, 5, 6, 7, 7]);
    expect(stored).toMatchObject({
      value: 8,
      updated_by: 'user-123',
      updated_at: '2099-01-01T00:00:00.002Z',
    });
    expectUnbroken(history, stored);
    const times = history.map(({ replaced_at }) => replaced_at);
    expect([...new Set(times)].sort()).toEqual(times);
  });

  it('keeps the history if a console changes only the author', async () => {
    const row = await storeEvaluation({
      updated_by: 'judge',
      updated_at: '2026-02-01T00:00:00.000Z',
    });

    await sql(`UPDATE run_evaluation SET updated_by = 'console' WHERE id = ?`, row.id);

    expect(await readHistory(row.id)).toMatchObject([
      { value: 3, updated_by: 'judge', replaced_by: 'console' },
    ]);
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
  });

  it('sets the time of a change at a console that sets none', async () => {
    const row = await storeEvaluation();
    const before = new Date().toISOString();

    await sql('UPDATE run_evaluation SET value = 4 WHERE id = ?', row.id);

    const updatedAt = requirePresent(requirePresent(await readEvaluation(row.id)).updated_at);
    expect(updatedAt >= before).toBe(true);
    expect(updatedAt <= new Date().toISOString()).toBe(true);
  });

  it('adds one entry of history for each row that a console changes', async () => {
    const run_id = crypto.randomUUID();
    const rows = await Promise.all([1, 2, 3].map((value) => storeEvaluation({ run_id, value })));

    await sql('UPDATE run_evaluation SET value = value + 1 WHERE run_id = ?', run_id);

    for (const row of rows) expect(await readHistory(row.id)).toMatchObject([{ value: row.value }]);
  });

  it('adds no history if a console changes nothing', async () => {
    const row = await storeEvaluation();

    await sql(
      'UPDATE run_evaluation SET value = value, updated_by = updated_by WHERE id = ?',
      row.id,
    );

    expect(await readHistory(row.id)).toEqual([]);
  });

  it('refuses a console that changes the history', async () => {
    const row = await storeEvaluation();
    await worker(await putValue(row, 5));
    const history = await readHistory(row.id);

    await expect(
      sql('UPDATE run_evaluation_history SET value = 0 WHERE evaluation_id = ?', row.id),
    ).rejects.toThrow(/append-only/);

    expect(await readHistory(row.id)).toEqual(history);
  });

  it.each([
    `INSERT OR REPLACE INTO run_evaluation SELECT id, account_id, run_id, NULL, NULL, evaluation_label_id, 99, NULL, NULL, created_at, NULL, NULL, write_id FROM run_evaluation WHERE id = ?`,
    `REPLACE INTO run_evaluation SELECT * FROM run_evaluation WHERE id = ?`,
    `INSERT OR REPLACE INTO run_evaluation_history SELECT account_id, evaluation_id, 777, 'liar', updated_at, replaced_by, replaced_at, write_id FROM run_evaluation_history WHERE evaluation_id = ?`,
    `UPDATE OR REPLACE run_evaluation_history SET value = 0 WHERE evaluation_id = ?`,
  ])('refuses a console that replaces a stored row: %s', async (query) => {
    const row = await storeEvaluation();
    await worker(await putValue(row, 5));
    const state = async () => [await readEvaluation(row.id), await readHistory(row.id)];
    const before = await state();

    await expect(sql(query, row.id)).rejects.toThrow(
      /append-only|run_evaluation exists: update it/,
    );

    expect(await state()).toEqual(before);
  });

  it.each(['IGNORE', 'REPLACE'])(
    'refuses UPDATE OR %s, which would lose the history of a value',
    async (clause) => {
      const row = await storeEvaluation();
      await sql(
        `INSERT INTO run_evaluation_history (account_id, evaluation_id, value, updated_at, replaced_at, write_id)
        SELECT account_id, id, 1, '2026-11-22T10:00:00.000Z', '2026-11-22T10:11:12.345Z', write_id FROM run_evaluation WHERE id = ?`,
        row.id,
      );

      const change = `UPDATE OR ${clause} run_evaluation SET value = 4, updated_at = '2026-11-22T10:11:12.345Z' WHERE id = ?`;
      await expect(sql(change, row.id)).rejects.toThrow(/append-only/);

      expect(await readEvaluation(row.id)).toEqual(row);
    },
  );

  it.each([
    'id',
    'account_id',
    'run_id',
    'output_name',
    'field_path',
    'evaluation_label_id',
    'created_by',
    'created_by_evaluator_id',
    'created_at',
  ])('refuses a console that changes %s, which has no history', async (column) => {
    const row = await storeEvaluation();

    await expect(
      sql(`UPDATE run_evaluation SET ${column} = ? WHERE id = ?`, crypto.randomUUID(), row.id),
    ).rejects.toThrow(/only value, updated_by and updated_at of a run_evaluation can change/);

    expect(await readEvaluation(row.id)).toEqual(row);
  });
});

describe('the name of a write', () => {
  const listNames = async (id: string) => {
    const query = `SELECT value, write_id FROM run_evaluation_history WHERE evaluation_id = ?1
      UNION ALL SELECT value, write_id FROM run_evaluation WHERE id = ?1`;
    return (await DB.prepare(query).bind(id).all<{ value: number; write_id: string }>()).results;
  };

  it('gives a new name to the write of a console that sets the time itself', async () => {
    const row = await storeEvaluation();
    await sql(
      `UPDATE run_evaluation SET value = 5, updated_at = '2026-11-22T10:00:00.000Z' WHERE id = ?`,
      row.id,
    );
    await sql(
      `UPDATE run_evaluation SET value = 6, updated_at = '2026-11-22T11:00:00.000Z' WHERE id = ?`,
      row.id,
    );

    const names = await listNames(row.id);
    expect(names.map(({ value }) => value)).toEqual([row.value, 5, 6]);
    expect(new Set(names.map(({ write_id }) => write_id)).size).toBe(3);
  });

  it('keeps the name of a write in the history, also if a console changes nothing else', async () => {
    const row = await storeEvaluation();
    const [before] = await listNames(row.id);
    await sql(`UPDATE run_evaluation SET write_id = '${'0'.repeat(32)}' WHERE id = ?`, row.id);

    expect(await listNames(row.id)).toEqual([
      before,
      { value: row.value, write_id: '0'.repeat(32) },
    ]);
  });
});
