/**
 * Measures the calls, rows and response times of run-evaluation on local databases of two sizes.
 */

import { setTimeout as pause } from 'node:timers/promises';
import {
  CHANGED,
  CHANGES,
  type Database,
  evaluationId,
  LABEL,
  PER_RUN,
  runId,
  startDatabase,
} from './databases.ts';
import { type Call, sendOne } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { createCredentials } from './tokens.ts';

const SIZES = [1_000, 100_000];
const ROUNDS = 200;
const WARM_UP_ROUNDS = 50;
const LONG_HISTORY_ROUNDS = 200;

type Operation = {
  readonly title: string;
  readonly operation: string;
  readonly call: (size: number, round: number) => Omit<Call, 'token'>;
};

/** Returns the number of an evaluation. Consecutive rounds use distant evaluations. */
const chooseRow = (size: number, round: number) => (round * 7_919) % size;
const path = (n: number) => `/v1/run/${runId(n)}/evaluation/${evaluationId(n)}`;

const OPERATIONS: readonly Operation[] = [
  {
    title: 'update',
    operation: 'updateEvaluation',
    call: (size, round) => ({
      method: 'PUT',
      path: path(chooseRow(size, round)),
      body: `{"value":${round + 100}}`,
      status: 200,
    }),
  },
  {
    title: 'create',
    operation: 'createEvaluation',
    call: (size, round) => ({
      method: 'POST',
      path: `/v1/run/${runId(size + round)}/evaluations`,
      body: `{"evaluation_label_id":"${LABEL}","value":${round}}`,
      status: 201,
    }),
  },
  {
    title: 'get',
    operation: 'getEvaluation',
    call: (size, round) => ({ method: 'GET', path: path(chooseRow(size, round)), status: 200 }),
  },
  {
    title: `list, a run of ${PER_RUN}`,
    operation: 'listEvaluations',
    call: (size, round) => ({
      method: 'GET',
      path: `/v1/run/${runId(chooseRow(size, round))}/evaluations`,
      status: 200,
    }),
  },
];

/** Formats the highest numbers of calls and rows that a request of the operation needed. */
function readCost({ lines }: Database, operation: string): string {
  const own = lines.filter((line) => line.operation === operation);
  const most = (read: (line: (typeof own)[number]) => number) => Math.max(...own.map(read));
  return `${most((line) => line.db_calls)} call, ${most((line) => line.rows_read)} read, ${most((line) => line.rows_written)} written`;
}

async function measureLongHistory({ port, lines }: Database, token: string): Promise<string> {
  const rounds = new Rounds();
  const before = lines.length;
  const names = ['unnamed', 'named'];
  for (let round = 0; round < LONG_HISTORY_ROUNDS; round += 1) {
    for (const name of names) {
      const headers = name === 'named' ? { 'idempotency-key': `round-${round}` } : {};
      const started = performance.now();
      const call = {
        method: 'PUT',
        path: path(CHANGED),
        body: `{"value":${round + 1_000}}`,
        status: 200,
        headers,
      };
      await sendOne(port, { ...call, token });
      rounds.add('latency', name, performance.now() - started);
    }
  }
  // Waits at most two seconds for the last log lines, which may come after the last response.
  for (
    let waits = 0;
    lines.length < before + names.length * LONG_HISTORY_ROUNDS && waits < 100;
    waits += 1
  )
    await pause(20);
  const told = names.map((name, index) => {
    const own = lines.slice(before).filter((_, line) => line % names.length === index);
    const [reads, latency] = [
      Math.max(...own.map(({ rows_read }) => rows_read)),
      rounds.computeMedian('latency', name),
    ];
    return `${name}: ${reads.toLocaleString('en')} rows read, ${latency.toFixed(2)} ms`;
  });
  return `An update of an evaluation that was changed ${CHANGES.toLocaleString('en')} times, ${told.join('; ')}.`;
}

export async function measureScale(root: string): Promise<string> {
  const credentials = await createCredentials('HS256');
  const databases: Database[] = [];
  const rounds = new Rounds();
  let [costs, longHistory] = ['', ''];
  try {
    for (const size of SIZES) databases.push(await startDatabase(size, root, credentials));
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
      if (round % 100 === 0) progress(`databases, round ${round} of ${WARM_UP_ROUNDS + ROUNDS}`);
      for (const { title, call } of OPERATIONS) {
        for (const { size, port } of databases) {
          const started = performance.now();
          await sendOne(port, { ...call(size, round), token: credentials.token });
          if (round >= WARM_UP_ROUNDS) rounds.add(title, String(size), performance.now() - started);
        }
      }
    }
    costs = writeCosts(databases, rounds);
    const [smallest] = databases;
    if (smallest) longHistory = await measureLongHistory(smallest, credentials.token);
  } finally {
    for (const database of databases) await database.stop();
  }
  const [largest] = databases.slice(-1);
  const storage = `Storage, of ${largest?.size.toLocaleString('en')}: ${largest?.bytesPerRow.toFixed(0)} bytes per evaluation, ${largest?.bytesPerReplaced.toFixed(0)} per replaced value`;
  return `${costs}\n\n${longHistory}\n\n${storage}`;
}

function writeCosts(databases: readonly Database[], rounds: Rounds): string {
  const smallest = String(SIZES[0]);
  return table(
    ['D1, and median latency', ...SIZES.map((size) => `${size.toLocaleString('en')} evaluations`)],
    OPERATIONS.map(({ title, operation }) => [
      title,
      ...databases.map((database) => {
        const latency = rounds.computeMedian(title, String(database.size));
        return `${readCost(database, operation)}; ${latency.toFixed(2)} ms, ${(latency / rounds.computeMedian(title, smallest)).toFixed(2)}`;
      }),
    ]),
  );
}
