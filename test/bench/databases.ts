/** Real local databases of a given size, each with this Worker in front of it, and what its log says of D1. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { progress } from './measure.ts';
import type { Door } from './tokens.ts';
import { OFFLINE } from './workers.ts';

export const PER_RUN = 10;
const CHUNK_ROWS = 100_000;
export const LABEL = '018f4d3b-0001-7000-8000-000000000001';

export type Database = {
  readonly size: number;
  readonly port: number;
  /** The log lines so far. */
  readonly lines: readonly LogLine[];
  readonly stop: () => Promise<void>;
};

/** What is read of a log line here. */
export type LogLine = {
  readonly operation: string;
  readonly d1_calls: number;
  readonly rows_read: number;
  readonly rows_written: number;
};

const hex = (n: number) => n.toString(16).padStart(12, '0');
export const evaluationId = (n: number) => `018f4d3d-0001-7000-8000-${hex(n)}`;
export const runId = (n: number) => `018f4d3c-0001-7000-8000-${hex(Math.floor(n / PER_RUN))}`;

function seedOf(size: number): string {
  const chunks = Array.from({ length: Math.ceil(size / CHUNK_ROWS) }, (_, chunk) => {
    const [from, to] = [chunk * CHUNK_ROWS, Math.min(size, (chunk + 1) * CHUNK_ROWS)];
    return `INSERT INTO run_evaluation SELECT printf('018f4d3d-0001-7000-8000-%012x', n), 'acc_bench', printf('018f4d3c-0001-7000-8000-%012x', n / ${PER_RUN}),
  'summary', '$.text', '${LABEL}', 5, 'user-7', NULL, '2026-01-02T03:04:05.678Z', NULL, NULL
  FROM (WITH RECURSIVE c(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM c WHERE n < ${to - 1}) SELECT n FROM c);`;
  });
  return `INSERT INTO evaluation_label VALUES ('${LABEL}', 'acc_bench', 'tone', NULL, 'continuous', 0, 1000000, NULL);\n${chunks.join('\n')}\n`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Ends wrangler, and with it the workerd it has started. */
async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGINT');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
}

export async function startDatabase(size: number, root: string, door: Door): Promise<Database> {
  progress(`making a database of ${size} evaluations`);
  const folder = join(root, `d1-${size}`);
  mkdirSync(folder);
  const [seed, vars] = [join(folder, 'seed.sql'), join(folder, 'vars')];
  writeFileSync(seed, seedOf(size));
  const settings = Object.entries(door.settings).filter(([name]) => name !== 'JWT_ALG');
  writeFileSync(vars, settings.map(([name, text]) => `${name}=${text}\n`).join(''));
  const local = ['--local', '--persist-to', folder];
  execFileSync('wrangler', ['d1', 'migrations', 'apply', 'DB', ...local], { env: OFFLINE, stdio: 'ignore' });
  execFileSync('wrangler', ['d1', 'execute', 'DB', ...local, '--file', seed], { env: OFFLINE, stdio: 'ignore' });

  const port = await freePort();
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
  const child = spawn('wrangler', serve, { env: OFFLINE, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{"request_id"')) lines.push(JSON.parse(line));
  });
  await untilAnswering(`http://127.0.0.1:${port}/health`);
  return { size, port, lines, stop: () => stop(child) };
}

/** A minute at most. */
async function untilAnswering(url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await pause(100);
  }
  throw new Error(`${url} did not answer within a minute`);
}
