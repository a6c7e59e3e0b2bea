/**
 * Starts run-evaluation with `wrangler dev` on a real local database, and reads the Worker's log.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { OFFLINE } from '../../src/cli/offline.ts';
import { findFreePort } from '../setup/free-port.ts';
import { register, stop } from './children.ts';
import { progress } from './measure.ts';
import type { Credentials } from './tokens.ts';

export const PER_RUN = 10;
const CHUNK_ROWS = 100_000;
export const LABEL = '018f4d3b-0001-7000-8000-000000000001';

export type Database = {
  readonly size: number;
  readonly port: number;
  /** The Worker's log so far. The array grows while the Worker runs. */
  readonly lines: readonly LogLine[];
  /** The stored bytes of an evaluation, including its index entries. */
  readonly bytesPerRow: number;
  readonly bytesPerReplaced: number;
  readonly stop: () => Promise<void>;
};

export type LogLine = {
  readonly operation: string;
  readonly db_calls: number;
  readonly rows_read: number;
  readonly rows_written: number;
};

const SCATTER = 2_654_435_761;
const hex = (n: number, digits = 12) => n.toString(16).padStart(digits, '0');
/** Returns the id of evaluation `n`. Consecutive numbers give distant ids, like random UUIDs. */
export const evaluationId = (n: number) =>
  `${hex(Math.imul(n, SCATTER) >>> 0, 8)}-0001-7000-8000-${hex(n)}`;
export const runId = (n: number) => `018f4d3c-0001-7000-8000-${hex(Math.floor(n / PER_RUN))}`;

export function writeSeed(size: number): string {
  const chunks = Array.from({ length: Math.ceil(size / CHUNK_ROWS) }, (_, chunk) => {
    const [from, to] = [chunk * CHUNK_ROWS, Math.min(size, (chunk + 1) * CHUNK_ROWS)];
    return `INSERT INTO run_evaluation (id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by, created_at)
  SELECT printf('%08x-0001-7000-8000-%012x', n * ${SCATTER} & 4294967295, n), 'acc_bench', printf('018f4d3c-0001-7000-8000-%012x', n / ${PER_RUN}),
  'summary', '$.text', '${LABEL}', 5, 'user-7', '2026-01-02T03:04:05.678Z'
  FROM (WITH RECURSIVE c(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM c WHERE n < ${to - 1}) SELECT n FROM c);`;
  });
  return `INSERT INTO evaluation_label (id, account_id, name, value_type, min_value, max_value) VALUES ('${LABEL}', 'acc_bench', 'tone', 'continuous', 0, 1000000);\n${chunks.join('\n')}\n`;
}

/** The evaluation with the long history, as an argument of `evaluationId`. */
export const CHANGED = 1;
export const CHANGES = 10_000;
const CHANGE_ONE = `INSERT INTO run_evaluation_history (account_id, evaluation_id, value, updated_by, updated_at, replaced_by, replaced_at, write_id)
  SELECT 'acc_bench', '${evaluationId(CHANGED)}', n, 'user-7', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (-n - 1) || ' seconds'), 'user-7',
    strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (-n) || ' seconds'), lower(hex(randomblob(16)))
  FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${CHANGES}) SELECT n FROM c)`;

export const CHANGE_ALL = `UPDATE run_evaluation SET value = 6, updated_by = 'user-123', updated_at = '2026-01-03T03:04:05.678Z'`;

/** Returns the size of all databases in a folder, including their write-ahead logs. */
function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.sqlite'))
    .map((name) => join(folder, name));
  for (const file of files) {
    const db = new DatabaseSync(file);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
  }
  return files.reduce((sum, file) => sum + statSync(file).size, 0);
}

export async function startDatabase(
  size: number,
  root: string,
  credentials: Credentials,
): Promise<Database> {
  progress(`making a database of ${size} evaluations`);
  const folder = join(root, `d1-${size}`);
  mkdirSync(folder);
  const [seed, vars] = [join(folder, 'seed.sql'), join(folder, 'vars')];
  writeFileSync(seed, writeSeed(size));
  const settings = Object.entries(credentials.settings).filter(([name]) => name !== 'JWT_ALG');
  writeFileSync(vars, settings.map(([name, text]) => `${name}=${text}\n`).join(''));
  const local = ['--env=', '--local', '--persist-to', folder];
  execFileSync('wrangler', ['d1', 'migrations', 'apply', 'DB', ...local], {
    env: OFFLINE,
    stdio: 'ignore',
  });
  execFileSync('wrangler', ['d1', 'execute', 'DB', ...local, '--file', seed], {
    env: OFFLINE,
    stdio: 'ignore',
  });
  const bytesOfRows = bytesIn(folder);
  execFileSync('wrangler', ['d1', 'execute', 'DB', ...local, '--command', CHANGE_ALL], {
    env: OFFLINE,
    stdio: 'ignore',
  });
  const bytesOfHistory = bytesIn(folder) - bytesOfRows;
  execFileSync('wrangler', ['d1', 'execute', 'DB', ...local, '--command', CHANGE_ONE], {
    env: OFFLINE,
    stdio: 'ignore',
  });

  const port = await findFreePort();
  const serve = [
    'dev',
    ...local,
    '--env-file',
    vars,
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--inspector-port',
    '0',
  ];
  const child = register(
    spawn('wrangler', serve, { env: OFFLINE, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  const lines: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{"request_id"')) lines.push(JSON.parse(line));
  });
  let errorOutput = '';
  child.stderr.on('data', (chunk) => {
    errorOutput += chunk;
  });
  if (!(await isAnswering(`http://127.0.0.1:${port}/health`)))
    throw new Error(`wrangler dev did not start: ${errorOutput}`);
  const [bytesPerRow, bytesPerReplaced] = [bytesOfRows / size, bytesOfHistory / size];
  return { size, port, lines, bytesPerRow, bytesPerReplaced, stop: () => stop(child) };
}

/** Waits at most a minute for a 2xx response from the URL. */
async function isAnswering(url: string): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return true;
    await pause(100);
  }
  return false;
}
