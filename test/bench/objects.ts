/** Compares accounts in Durable Objects with accounts in D1, on real local databases. */
import { cpSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { readWorkerd } from '../soak/memory.ts';
import { build, getStorePath, type Server, startServer } from '../soak/server.ts';
import { CHANGE_ALL, evaluationId, runId, writeSeed } from './databases.ts';
import { type Call, sendOne } from './load.ts';
import { computeMedian, progress, Rounds, table } from './measure.ts';
import { type Credentials, createCredentials } from './tokens.ts';
import { readCpu } from './workerd.ts';

const EVALUATIONS = 100_000;
const CALLERS = 8;
const CALLER_PAUSE_MS = 10;
const LOADED_ACCOUNTS = 10;
const UPDATES = 30;
const ROUNDS = 20;
const ROUND_UPDATES = 50;

const SHARED_LABEL = { id: '018f4d3b-0002-7000-8000-000000000002', min: 0, max: 1e12 };
const ALL = { ACCOUNT_OBJECTS: '*' };

/** Limits each database to 20 calls a second, so that the CPU stays mostly idle. */
const SLOW = { CALL_MS: '50' };

export async function measureObjects(root: string): Promise<string> {
  const credentials = await createCredentials('HS256');
  const started: Server[] = [];
  const start = async (...args: Parameters<typeof startServer>) => {
    const server = await startServer(...args);
    started.push(server);
    return server;
  };
  const createFolder = (name: string) => {
    const folder = join(root, name);
    mkdirSync(folder);
    return folder;
  };
  try {
    return [
      await measureWaits(credentials, createFolder, start),
      await measureLargeAccount(credentials, createFolder, start),
    ].join('\n\n');
  } finally {
    for (const server of started) await server.stop();
  }
}

type CreateFolder = (name: string) => string;
type Start = typeof startServer;

const findPort = ({ url }: Server) => Number(url.port);

/** Measures how long an account waits for an update: alone, then beside ten busy accounts. */
async function measureWaits(credentials: Credentials, createFolder: CreateFolder, start: Start) {
  const rows: string[][] = [];
  for (const [title, setting] of [
    ['all in one D1', {}],
    ['each in an object', ALL],
  ] as const) {
    progress(`an account beside ten others, ${title}`);
    const settings = { ...credentials.settings, ...SLOW, ...setting };
    const made = build(createFolder(title), 'test/bench/objects.worker.ts', settings);
    const server = await start(made, SHARED_LABEL);
    const own = await createUpdater(server, await credentials.mintTokenFor('acc_own'));
    const others: (typeof own)[] = [];
    while (others.length < LOADED_ACCOUNTS)
      others.push(
        await createUpdater(server, await credentials.mintTokenFor(`acc_${others.length}`)),
      );
    const alone = await timeUpdates(own);
    let isOver = false;
    const load = others.map(async (update) => {
      while (!isOver) await update();
    });
    const loaded = await timeUpdates(own);
    isOver = true;
    await Promise.all(load);
    await server.stop();
    rows.push([
      title,
      `${alone.toFixed(1)} ms`,
      `${loaded.toFixed(1)} ms`,
      (loaded / alone).toFixed(2),
    ]);
  }
  const head = `an update, median of ${UPDATES}`;
  return table([head, 'alone', `while ${LOADED_ACCOUNTS} other accounts update`, 'ratio'], rows);
}

async function createUpdater(server: Server, token: string): Promise<() => Promise<unknown>> {
  const run = crypto.randomUUID();
  const body = JSON.stringify({ evaluation_label_id: SHARED_LABEL.id, value: 1 });
  const path = `/v1/run/${run}/evaluations`;
  const create = { method: 'POST', path, body, token, status: 201 };
  const { text } = await sendOne(findPort(server), create);
  const update = `/v1/run/${run}/evaluation/${JSON.parse(text).id}`;
  let value = 1;
  return () => {
    value += 1;
    const call = {
      method: 'PUT',
      path: update,
      body: JSON.stringify({ value }),
      token,
      status: 200,
    };
    return sendOne(findPort(server), call);
  };
}

async function timeUpdates(update: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  while (times.length < UPDATES) {
    const begun = performance.now();
    await update();
    times.push(performance.now() - begun);
  }
  return computeMedian(times);
}

/** Moves a large account into its object. Compares updates in the object with updates in D1. */
async function measureLargeAccount(
  { settings, token }: Credentials,
  createFolder: CreateFolder,
  start: Start,
): Promise<string> {
  progress(`an account of ${EVALUATIONS} evaluations`);
  const inD1 = build(createFolder('in D1'), 'src/index.ts', settings);
  const folder = createFolder('in an object');
  await (await startServer(inD1, SHARED_LABEL)).stop();
  fillD1(getStorePath(inD1.folder));
  cpSync(getStorePath(inD1.folder), getStorePath(folder), { recursive: true });

  const objects = await start(build(folder, 'src/index.ts', { ...settings, ...ALL }));
  const arrival = await moveAccount(objects, token);
  const objectPid = findOtherPid([]);
  const d1 = await start(inD1);
  const rounds = new Rounds();
  const servers = [
    { name: 'D1', pid: findOtherPid([objectPid]), port: findPort(d1) },
    { name: 'object', pid: objectPid, port: findPort(objects) },
  ];
  // Round 0 is not counted: it warms up the Workers.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const { name, pid, port } of servers) {
      const before = readCpu({ pid });
      const begun = performance.now();
      for (let n = 0; n < ROUND_UPDATES; n += 1) {
        await sendOne(port, { ...createUpdateCall(round * ROUND_UPDATES + n), token });
      }
      if (round === 0) continue;
      rounds.add('time', name, (performance.now() - begun) / ROUND_UPDATES);
      rounds.add('cpu', name, (readCpu({ pid }) - before) / ROUND_UPDATES / 1000);
    }
  }
  const cells = (row: string, digits: number, unit: string) => [
    ...servers.map(({ name }) => `${rounds.computeMedian(row, name).toFixed(digits)} ${unit}`),
    rounds.computeRatio(row, 'object', 'D1').toFixed(2),
  ];
  const updates = table(
    ['an accepted update', 'in D1', 'in an object', 'ratio'],
    [
      ['time', ...cells('time', 2, 'ms')],
      ['CPU of workerd, local database included', ...cells('cpu', 0, 'µs')],
    ],
  );
  return `${arrival}\n\n${updates}`;
}

function fillD1(store: string): void {
  const [file = ''] = globSync(join(store, 'd1/**/[0-9a-f]*.sqlite'));
  const db = new DatabaseSync(file);
  db.exec(`BEGIN; ${writeSeed(EVALUATIONS)} ${CHANGE_ALL}; COMMIT`);
  db.close();
}

function findOtherPid(others: readonly number[]): number {
  const found = readWorkerd().find(({ pid }) => !others.includes(pid));
  if (!found) throw new Error('there is no workerd');
  return found.pid;
}

const createUpdateCall = (n: number): Omit<Call, 'token'> => {
  const row = (n * 7919) % EVALUATIONS;
  const path = `/v1/run/${runId(row)}/evaluation/${evaluationId(row)}`;
  return { method: 'PUT', path, body: `{"value":${n + 100}}`, status: 200 };
};

/** Moves the account from D1 into its object, and returns a table of the times. */
async function moveAccount(server: Server, token: string): Promise<string> {
  const accounts = ['acc_bench'];
  const rows = await server.countInD1(accounts);
  const { path } = createUpdateCall(1);
  let [waited, longest] = [0, 0];
  const begun = performance.now();
  const call = async () => {
    for (;;) {
      const sent = performance.now();
      const headers = { authorization: `Bearer ${token}` };
      const { status } = await fetch(new URL(path, server.url), { headers });
      if (status === 200) return;
      if (status !== 503) throw new Error(`a request while copying was answered ${status}`);
      waited += 1;
      longest = Math.max(longest, performance.now() - sent);
      await pause(CALLER_PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  const seconds = (performance.now() - begun) / 1000;
  while ((await server.countInD1(accounts)) > 0) await pause(CALLER_PAUSE_MS);
  const cleaned = (performance.now() - begun) / 1000;
  const speed = Math.round(rows / seconds / 100) * 100;
  return table(
    [
      'bringing an account over',
      `${EVALUATIONS.toLocaleString('en')} evaluations, each changed once`,
    ],
    [
      [
        'until the object serves it',
        `${rows.toLocaleString('en')} rows in ${seconds.toFixed(1)} s, ${speed.toLocaleString('en')} a second`,
      ],
      ['until D1 has no row of it', `${cleaned.toFixed(1)} s`],
      [
        'requests meanwhile',
        `${waited} answered 503 to ${CALLERS} callers, the slowest after ${longest.toFixed(0)} ms`,
      ],
    ],
  );
}
