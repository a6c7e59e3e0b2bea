/** Tests the migrations on databases of older deployments. Stored rows stay as they are. */
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, inject, it } from 'vitest';
import { ACCOUNT, createWorker, DB, putValue, SUBJECT } from './support/worker.ts';

const migrations = inject('migrations');
const { OLD_DB } = env as typeof env & { readonly OLD_DB: D1Database };

const TABLES = `SELECT name FROM sqlite_schema WHERE name NOT LIKE '%d1%' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_cf%'`;

async function emptyOldDatabase(): Promise<void> {
  const { results } = await OLD_DB.prepare(`${TABLES} AND type = 'table'`).all<{ name: string }>();
  for (const { name } of results) await OLD_DB.prepare(`DROP TABLE ${name}`).run();
  await OLD_DB.prepare('DROP TABLE IF EXISTS d1_migrations').run();
}

/** Makes a row that is valid in the first schema and in every later one. */
function makeRow(updated_at: string | null) {
  return {
    id: crypto.randomUUID(),
    account_id: ACCOUNT,
    run_id: crypto.randomUUID(),
    output_name: 'summary',
    field_path: null,
    evaluation_label_id: crypto.randomUUID(),
    value: 7.25,
    created_by: 'user-7',
    created_by_evaluator_id: null,
    created_at: '2026-01-02T03:04:05.678Z',
    updated_by: updated_at && 'user-8',
    updated_at,
  };
}

const ages = Array.from({ length: migrations.length + 1 }, (_, age) => age);

it.each(ages)(
  'migrates a database with the first %d migrations to the schema of a new database',
  async (age) => {
    await emptyOldDatabase();
    await applyD1Migrations(OLD_DB, migrations.slice(0, age));

    await applyD1Migrations(OLD_DB, migrations);

    const readSchema = async (db: D1Database) =>
      (await db.prepare(TABLES.replace('name', 'type, name, sql')).all<{ name: string }>()).results
        .filter(({ name }) => !name.startsWith('d1_'))
        .sort((a, b) => a.name.localeCompare(b.name));
    const schema = await readSchema(DB);
    expect(schema.map(({ name }) => name)).toContain('run_evaluation_keeps_history');
    expect(await readSchema(OLD_DB)).toEqual(schema);
  },
);

it.each(ages.slice(1))(
  'keeps the rows of a database with the first %d migrations, and updates them',
  async (age) => {
    await emptyOldDatabase();
    await applyD1Migrations(OLD_DB, migrations.slice(0, age));
    const rows = [makeRow(null), makeRow('2026-01-03T03:04:05.678Z')];
    for (const row of rows) {
      const columns = Object.keys(row);
      const insert = `INSERT INTO run_evaluation (${columns}) VALUES (${columns.map(() => '?')})`;
      await OLD_DB.prepare(insert)
        .bind(...Object.values(row))
        .run();
    }

    await applyD1Migrations(OLD_DB, migrations);

    const stored = async () =>
      (await OLD_DB.prepare('SELECT * FROM run_evaluation ORDER BY updated_at').all()).results;
    expect(await stored()).toEqual(rows.map((row) => ({ ...row, write_id: expect.any(String) })));
    const send = createWorker({ DB: OLD_DB });
    for (const row of rows) expect((await send(await putValue(row, 8))).status).toBe(200);
    expect(await stored()).toEqual(
      rows.map((row) => ({
        ...row,
        value: 8,
        updated_by: SUBJECT,
        updated_at: expect.any(String),
        write_id: expect.any(String),
      })),
    );
    const history = await OLD_DB.prepare(
      'SELECT value, updated_by FROM run_evaluation_history ORDER BY updated_at',
    ).all();
    expect(history.results).toEqual([
      { value: 7.25, updated_by: 'user-7' },
      { value: 7.25, updated_by: 'user-8' },
    ]);
  },
);
