/** Measures a page of 1,000 evaluations, and one evaluation, in several tables. */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { Rounds } from './measure.ts';

const RUNS = 100;
const PER_RUN = 1_000;
const ROUNDS = 60;

const COLUMNS = `id TEXT NOT NULL, account_id TEXT NOT NULL, run_id TEXT NOT NULL, output_name TEXT, field_path TEXT,
  evaluation_label_id TEXT NOT NULL, value REAL NOT NULL, created_by TEXT, created_by_evaluator_id TEXT,
  created_at TEXT NOT NULL, updated_by TEXT, updated_at TEXT, write_id TEXT NOT NULL`;
const BY_RUN = 'CREATE INDEX by_run ON t (account_id, run_id, created_at, id)';
const BY_ID = 'CREATE UNIQUE INDEX by_id ON t (account_id, id)';

const PLAIN = 'with a row id, and two indexes';
/** The tables that could hold evaluations. Each finds a page, and one row by account and id. */
const TABLES: { readonly [title: string]: readonly string[] } = {
  'as it is: in the order of a page, and an index by id': [
    `CREATE TABLE t (${COLUMNS}, PRIMARY KEY (account_id, run_id, created_at, id)) STRICT, WITHOUT ROWID`,
    BY_ID,
  ],
  'in the order of ids, and an index by run': [
    `CREATE TABLE t (${COLUMNS}, PRIMARY KEY (account_id, id)) STRICT, WITHOUT ROWID`,
    BY_RUN,
  ],
  [PLAIN]: [`CREATE TABLE t (${COLUMNS}) STRICT`, BY_ID, BY_RUN],
};

const ACCOUNT = 'acc_bench';
const PAGE = `SELECT sum(value), sum(length(evaluation_label_id)), max(write_id) FROM (
  SELECT * FROM t WHERE account_id = ? AND run_id = ? AND (created_at, id) > ('', '')
  ORDER BY created_at, id LIMIT ${PER_RUN})`;
const ONE = 'SELECT * FROM t WHERE account_id = ? AND id = ? AND run_id = ?';

/** Measures in memory, so that only what SQLite does counts. */
export async function measurePage(): Promise<string> {
  const runs = Array.from({ length: RUNS }, () => randomUUID());
  const rows = Array.from({ length: RUNS * PER_RUN }, (_, n) => ({
    id: randomUUID(),
    run: runs[n % RUNS] ?? '',
    created_at: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
  }));
  const databases = Object.entries(TABLES).map(([title, statements]) => {
    const db = new DatabaseSync(':memory:');
    for (const sql of statements) db.exec(sql);
    const insert = db.prepare(
      `INSERT INTO t VALUES (?, ?, ?, 'summary', '/text', ?, 5, 'user-7', NULL, ?, NULL, NULL, ?)`,
    );
    db.exec('BEGIN');
    for (const { id, run, created_at } of rows)
      insert.run(id, ACCOUNT, run, run, created_at, 'a'.repeat(24));
    db.exec('COMMIT');
    return { title, page: db.prepare(PAGE), one: db.prepare(ONE) };
  });
  const rounds = new Rounds();
  const time = (name: string, title: string, run: () => unknown) => {
    const started = performance.now();
    run();
    rounds.add(name, title, performance.now() - started);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = rows.filter((_, n) => n % RUNS === round % RUNS);
    for (const { title, page, one } of databases) {
      time('page', title, () => page.all(ACCOUNT, runs[round % RUNS] ?? ''));
      time('one', title, () => {
        for (const { id, run } of asked) one.all(ACCOUNT, id, run);
      });
    }
  }
  const lines = databases.map(({ title }) => {
    const [page, one] = [rounds.median('page', title), rounds.median('one', title)];
    const plain = rounds.median('page', PLAIN);
    return `| ${title} | ${page.toFixed(2)} ms, ${(page / plain).toFixed(2)} | ${one.toFixed(2)} µs |`;
  });
  return [
    '| table | a page of 1,000, and its ratio to a table with a row id | one evaluation |',
    '| --- | --- | --- |',
    ...lines,
  ].join('\n');
}
