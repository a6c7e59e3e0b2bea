/**
 * Measures the CPU time of a request on a real local D1, including the CPU time of the database.
 * The Workers take turns, so other load affects all Workers alike.
 */
import { cpSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readWorkerd } from '../soak/memory.ts';
import { getStorePath, type Server, startServer } from '../soak/server.ts';
import { CHANGE_ALL, evaluationId, LABEL, runId, writeSeed } from './databases.ts';
import { type Call, sendOne } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { type Credentials, createCredentials } from './tokens.ts';
import { readCpu } from './workerd.ts';
import {
  type Bundle,
  COMPATIBILITY_DATE,
  COMPATIBILITY_FLAGS,
  type Name,
  WORKERS,
} from './workers.ts';

const EVALUATIONS = 10_000;
const LISTED = 1_000;
const LISTED_RUN = '018f4d3c-0002-7000-8000-000000000002';
const ROUNDS = 20;
const REQUESTS = 40;
/** The list requests in a round. Fewer than REQUESTS, because a list costs much more CPU. */
const LIST_REQUESTS = 8;

type Line = {
  readonly title: string;
  readonly requests: number;
  readonly call: (n: number) => Omit<Call, 'token'>;
  readonly workers: readonly Name[];
};

const path = (n: number) => `/v1/run/${runId(n)}/evaluation/${evaluationId(n)}`;
const put = (n: number, status: number, value = n + 100) => ({
  method: 'PUT',
  path: path((n * 7919) % EVALUATIONS),
  body: `{"value":${value}}`,
  status,
});

const ALL_BUT_LEAN = WORKERS.filter((name) => name !== 'lean');
const LINES: readonly Line[] = [
  { title: 'accepted update', requests: REQUESTS, call: (n) => put(n, 200), workers: WORKERS },
  {
    title: 'get',
    requests: REQUESTS,
    call: (n) => ({ method: 'GET', path: path(n % EVALUATIONS), status: 200 }),
    workers: WORKERS,
  },
  {
    title: 'update of a missing row: 404',
    requests: REQUESTS,
    call: (n) => ({ ...put(n, 404), path: path(EVALUATIONS + n) }),
    workers: WORKERS,
  },
  {
    title: 'update of another version: 412',
    requests: REQUESTS,
    call: (n) => ({ ...put(n, 412), headers: { 'if-match': '"2026-01-01T00:00:00.001Z"' } }),
    workers: ALL_BUT_LEAN,
  },
  {
    title: 'refused update: 422',
    requests: REQUESTS,
    call: (n) => put(n, 422, 2_000_000),
    workers: ALL_BUT_LEAN,
  },
  {
    title: `list of ${LISTED.toLocaleString('en')}`,
    requests: LIST_REQUESTS,
    call: () => ({ method: 'GET', path: `/v1/run/${LISTED_RUN}/evaluations`, status: 200 }),
    workers: ['engineer', 'run-evaluation'],
  },
];

type Running = { readonly name: Name; readonly server: Server; readonly pid: number };

export async function measureLocal(
  bundles: ReadonlyMap<Name, Bundle>,
  root: string,
): Promise<string> {
  const credentials = await createCredentials('HS256');
  const running: Running[] = [];
  const rounds = new Rounds();
  try {
    for (const name of WORKERS)
      running.push(await start(name, bundles, root, credentials, running));
    // Round 0 is not counted: it warms up the Workers.
    for (let round = 0; round <= ROUNDS; round += 1) {
      if (round % 5 === 0) progress(`a real local D1, round ${round} of ${ROUNDS}`);
      for (const { title, requests, call, workers } of LINES) {
        for (const { name, server, pid } of running) {
          if (!workers.includes(name)) continue;
          const before = readCpu({ pid });
          for (let n = round * requests; n < (round + 1) * requests; n += 1)
            await sendOne(Number(server.url.port), { ...call(n), token: credentials.token });
          const cpu = (readCpu({ pid }) - before) / requests / 1000;
          if (round > 0) rounds.add(title, name, cpu);
        }
      }
    }
  } finally {
    for (const { server } of running) await server.stop();
  }
  const cell = (title: string, name: Name) =>
    rounds.getFigures(title, name).length === 0
      ? '–'
      : `${rounds.computeMedian(title, name).toFixed(0)} µs`;
  const ratio = (title: string, peer: Name) =>
    rounds.getFigures(title, peer).length === 0
      ? '–'
      : rounds.computeRatio(title, 'run-evaluation', peer).toFixed(2);
  return table(
    ['CPU per request, local D1 included', ...WORKERS, 'to lean', 'to engineer'],
    LINES.map(({ title }) => [
      title,
      ...WORKERS.map((name) => cell(title, name)),
      ratio(title, 'lean'),
      ratio(title, 'engineer'),
    ]),
  );
}

/** Starts a Worker. The first call fills a database, and each later call copies that database. */
async function start(
  name: Name,
  bundles: ReadonlyMap<Name, Bundle>,
  root: string,
  { settings }: Credentials,
  running: readonly Running[],
): Promise<Running> {
  const folder = join(root, `local-${name}`);
  const seeded = join(root, 'local-seed');
  mkdirSync(folder);
  const contents = readFileSync(join(bundles.get(name)?.folder ?? '', 'index.js'), 'utf8');
  const made = { folder, config: createConfig(contents, folder, settings) };
  if (running.length === 0) {
    const shared = { id: '018f4d3b-0002-7000-8000-000000000002', min: 0, max: 1 };
    await (await startServer(made, shared)).stop();
    fillDatabase(getStorePath(folder));
    cpSync(getStorePath(folder), seeded, { recursive: true });
  } else {
    cpSync(seeded, getStorePath(folder), { recursive: true });
  }
  const server = await startServer(made);
  const others = running.map(({ pid }) => pid);
  const pid = readWorkerd().find((found) => !others.includes(found.pid))?.pid;
  if (pid === undefined) throw new Error('there is no workerd');
  return { name, server, pid };
}

const createConfig = (contents: string, folder: string, settings: Credentials['settings']) => ({
  name: 'bench',
  compatibilityDate: COMPATIBILITY_DATE,
  compatibilityFlags: COMPATIBILITY_FLAGS,
  manifest: {
    mainModule: 'index.js',
    modulesRoot: folder,
    modules: { 'index.js': { type: 'esm', contents } },
  },
  env: {
    DB: { type: 'd1', id: 'bench' },
    ...Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, { type: 'text', value }]),
    ),
  },
});

/** Stores 10,000 evaluations that were each changed once, and 1,000 in the run of the list. */
function fillDatabase(store: string): void {
  const [file = ''] = globSync(join(store, 'd1/**/[0-9a-f]*.sqlite'));
  const db = new DatabaseSync(file);
  db.exec(`BEGIN; ${writeSeed(EVALUATIONS)} ${CHANGE_ALL}; COMMIT`);
  const insert = db.prepare(
    `INSERT INTO run_evaluation (id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by, created_at)
     VALUES (?, 'acc_bench', ?, 'summary', '$.text', ?, 5, 'user-7', ?)`,
  );
  for (let n = 0; n < LISTED; n += 1)
    insert.run(
      crypto.randomUUID(),
      LISTED_RUN,
      LABEL,
      new Date(Date.UTC(2026, 0, 1) + n).toISOString(),
    );
  db.close();
}
