/** Tests which rows the tables refuse from a script or a console, and which index a query uses. */
import { getTableColumns } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { evaluationLabel, runEvaluation } from '../src/db/schema.ts';
import { DB, readEvaluation, storeEvaluation } from './support/worker.ts';

describe.each([
  [
    'run_evaluation',
    runEvaluation,
    [
      ...[
        'id',
        'account_id',
        'run_id',
        'output_name',
        'field_path',
        'evaluation_label_id',
        'value',
        'created_by',
      ],
      ...['created_by_evaluator_id', 'created_at', 'updated_by', 'updated_at', 'write_id'],
    ],
  ],
  [
    'evaluation_label',
    evaluationLabel,
    [
      ...[
        'id',
        'account_id',
        'name',
        'description',
        'value_type',
        'min_value',
        'max_value',
        'categories',
      ],
      ...[
        'archived_at',
        'created_by',
        'created_at',
        'updated_by',
        'updated_at',
        'create_digest',
        'write_id',
      ],
    ],
  ],
])('%s', (table, schema, columns) => {
  it('the table has the same columns in the migration and in the schema', async () => {
    const { results } = await DB.prepare(`PRAGMA table_info(${table})`).all<{ name: string }>();

    expect(results.map(({ name }) => name)).toEqual(columns);
    expect(
      Object.entries(getTableColumns(schema)).map(([property, { name }]) => [property, name]),
    ).toEqual(columns.map((name) => [name, name]));
  });
});

describe('run_evaluation', () => {
  const upper = '018F4D3C-7A10-7C4E-9B52-3F6E0D9A1C01';
  it.each<[string, Record<string, unknown>]>([
    ['an id that is not a UUID', { id: 'evaluation-1' }],
    ['an id that is a UUID without its dashes', { id: '018f4d3c7a107c4e9b523f6e0d9a1c01' }],
    ['an id with too many dashes', { id: '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c-1' }],
    ['an id in upper case', { id: upper }],
    ['a run_id in upper case', { run_id: upper }],
    ['an evaluation_label_id in upper case', { evaluation_label_id: upper }],
    ['a created_by_evaluator_id that is not a UUID', { created_by_evaluator_id: 'judge' }],
    ['no account_id', { account_id: null }],
    ['an empty account_id', { account_id: '' }],
    ['an account_id of 256 characters', { account_id: 'a'.repeat(256) }],
    ['an account_id of 1,021 bytes behind a NUL', { account_id: `a\0${'é'.repeat(510)}` }],
    ['an output_name of 256 characters', { output_name: 'é'.repeat(256) }],
    ['an output_name of 1,021 bytes behind a NUL', { output_name: `a\0${'é'.repeat(510)}` }],
    ['a field_path of 4,097 bytes behind a NUL', { field_path: `a\0${'é'.repeat(2048)}` }],
    ['a write_id that is too short', { write_id: 'a'.repeat(31) }],
    ['a write_id that is not hexadecimal', { write_id: 'g'.repeat(32) }],
    ['a field_path of 1,025 characters', { field_path: 'a'.repeat(1025) }],
    ['a created_by of 256 characters', { created_by: 'a'.repeat(256) }],
    ['an updated_by of 321 characters', { updated_by: 'a'.repeat(321) }],
    ['no run_id', { run_id: null }],
    ['no evaluation_label_id', { evaluation_label_id: null }],
    ['no value', { value: null }],
    ['NaN, which D1 stores as NULL', { value: Number.NaN }],
    ['Infinity, which D1 stores as NULL', { value: Number.POSITIVE_INFINITY }],
    ['a value that is text', { value: 'nine' }],
    ['no created_at', { created_at: null }],
    ['a created_at without milliseconds', { created_at: '2026-01-02T03:04:05Z' }],
    ['a created_at of another zone', { created_at: '2026-01-02T03:04:05.678+01:00' }],
    ['a created_at that is no date', { created_at: '2026-02-31T00:00:00.000Z' }],
    ['an updated_at that is no date', { updated_at: 'yesterday' }],
    ['a created_at that has no later time', { created_at: '9999-01-01T00:00:00.000Z' }],
    ['an updated_at that has no later time', { updated_at: '9999-12-31T23:59:59.999Z' }],
  ])('run_evaluation refuses %s', async (_, fields) => {
    await expect(storeEvaluation(fields)).rejects.toThrow(/SQLITE_CONSTRAINT/);
  });

  it('refuses an infinity written in SQL', async () => {
    const row = await storeEvaluation();

    await expect(
      DB.prepare('UPDATE run_evaluation SET value = -9e999 WHERE id = ?').bind(row.id).run(),
    ).rejects.toThrow(/run_evaluation_value_is_finite/);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  const explainQuery = async (query: string) => {
    const { results } = await DB.prepare(`EXPLAIN QUERY PLAN ${query}`).all<{ detail: string }>();
    return results.map(({ detail }) => detail);
  };

  it('finds an evaluation by its account and id', async () => {
    expect(
      await explainQuery(
        `UPDATE run_evaluation SET value = 1 WHERE id = 'a' AND run_id = 'b' AND account_id = 'c'`,
      ),
    ).toEqual([
      'SEARCH run_evaluation USING COVERING INDEX run_evaluation_by_id (account_id=? AND id=?)',
    ]);
  });

  it('finds all evaluations of a run of an account side by side, in order', async () => {
    expect(
      await explainQuery(
        `SELECT * FROM run_evaluation WHERE account_id = 'a' AND run_id = 'b' ORDER BY created_at, id`,
      ),
    ).toEqual(['SEARCH run_evaluation USING PRIMARY KEY (account_id=? AND run_id=?)']);
  });
});

describe('run_evaluation_history', () => {
  const entry = {
    account_id: 'acc_a',
    evaluation_id: crypto.randomUUID(),
    value: 1,
    updated_by: 'a',
    updated_at: '2026-01-02T03:04:05.678Z',
    replaced_by: 'b',
    replaced_at: '2026-01-02T03:04:05.679Z',
    write_id: 'a'.repeat(32),
  };

  it.each<[string, Partial<Record<keyof typeof entry, unknown>>]>([
    ['an account_id of 256 characters', { account_id: 'a'.repeat(256) }],
    ['an updated_by of 321 characters', { updated_by: 'a'.repeat(321) }],
    ['a replaced_by of 321 characters', { replaced_by: 'a'.repeat(321) }],
    ['a value that was replaced when it was set', { replaced_at: entry.updated_at }],
    ['a write_id that is too short', { write_id: 'a'.repeat(31) }],
  ])('run_evaluation_history refuses %s', async (_, fields) => {
    const insert = DB.prepare(
      `INSERT INTO run_evaluation_history (${Object.keys(entry)}) VALUES (${Object.keys(entry).map(() => '?')})`,
    );

    await expect(insert.bind(...Object.values({ ...entry, ...fields })).run()).rejects.toThrow(
      /SQLITE_CONSTRAINT/,
    );
    await insert.bind(...Object.values({ ...entry, evaluation_id: crypto.randomUUID() })).run();
  });
});

describe('revoked_link', () => {
  const HOUR_MS = 3_600_000;
  const link = () => ({
    account_id: `acc_${crypto.randomUUID()}`,
    expires_at: new Date(Date.now() + HOUR_MS).toISOString(),
    evaluation_id: crypto.randomUUID(),
    id: crypto.randomUUID(),
  });
  const revoke = (row: ReturnType<typeof link>) =>
    DB.prepare(`INSERT INTO revoked_link (${Object.keys(row)}) VALUES (?, ?, ?, ?)`)
      .bind(...Object.values(row))
      .run();
  const readRevoked = async (account: string) =>
    (await DB.prepare('SELECT id FROM revoked_link WHERE account_id = ?').bind(account).all())
      .results;

  it.each([
    ['an account_id of 256 characters', { account_id: 'a'.repeat(256) }],
    ['an expires_at that is no date', { expires_at: 'tomorrow' }],
    ['an evaluation_id that is no UUID', { evaluation_id: 'x' }],
    ['an id that is no UUID', { id: 'x' }],
  ])('revoked_link refuses %s', async (_, fields) => {
    await expect(revoke({ ...link(), ...fields })).rejects.toThrow(/SQLITE_CONSTRAINT/);
  });

  it('a revocation deletes the account\u2019s revocations that expired over an hour ago, and no others', async () => {
    const [old, recent, fresh, foreign] = [link(), link(), link(), link()];
    const at = (hours: number) => ({
      expires_at: new Date(Date.now() - hours * HOUR_MS).toISOString(),
    });
    const { account_id } = fresh;
    await revoke({ ...recent, account_id, ...at(0.9) });
    for (const row of [{ ...old, account_id }, foreign]) await revoke(row);
    // An insert deletes rows that expired over an hour ago, so the rows expire only now.
    await DB.prepare('UPDATE revoked_link SET expires_at = ? WHERE id IN (?, ?)')
      .bind(at(1.1).expires_at, old.id, foreign.id)
      .run();

    await revoke(fresh);

    expect(new Set(await readRevoked(account_id))).toEqual(
      new Set([{ id: recent.id }, { id: fresh.id }]),
    );
    expect(await readRevoked(foreign.account_id)).toEqual([{ id: foreign.id }]);
  });

  it('a revocation deletes at most twenty expired ones, so that its cost is bounded', async () => {
    const { account_id } = link();
    const [old, fresh] = [-2, 2].map((hours) =>
      new Date(Date.now() + hours * HOUR_MS).toISOString(),
    );
    await DB.prepare(
      `INSERT INTO revoked_link
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
       SELECT ?1, ?2, ?3, substr(?3, 1, 24) || printf('%012x', n) FROM n`,
    )
      .bind(account_id, fresh, crypto.randomUUID())
      .run();
    // An insert deletes rows that expired over an hour ago, so the rows expire only now.
    await DB.prepare('UPDATE revoked_link SET expires_at = ? WHERE account_id = ?')
      .bind(old, account_id)
      .run();
    const { meta } = await revoke({ ...link(), account_id });

    expect(await readRevoked(account_id)).toHaveLength(1000 + 1 - 20);
    expect(meta.rows_written).toBeLessThanOrEqual(100);
    expect(meta.rows_read).toBeLessThanOrEqual(100);
  });

  it('finds a revocation by its primary key', async () => {
    const { results } = await DB.prepare(
      `EXPLAIN QUERY PLAN SELECT 1 FROM revoked_link
      WHERE account_id = 'a' AND expires_at = 'b' AND evaluation_id = 'c' AND id = 'd'`,
    ).all<{ detail: string }>();

    expect(results.map(({ detail }) => detail)).toEqual([
      'SEARCH revoked_link USING PRIMARY KEY (account_id=? AND expires_at=? AND evaluation_id=? AND id=?)',
    ]);
  });
});
