/** This Worker on real local databases of several sizes: what each operation asks of D1, and how long it takes. */
import { type Database, evaluationId, LABEL, PER_RUN, runId, startDatabase } from './databases.ts';
import { type Call, sendOne } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { createCredentials } from './tokens.ts';

const SIZES = [1_000, 100_000, 1_000_000];
const ROUNDS = 500;
const WARM_UP_ROUNDS = 50;

type Operation = {
  readonly title: string;
  readonly operation: string;
  readonly call: (size: number, round: number) => Omit<Call, 'token'>;
};

/** Rows far from each other, no two of them the same, at any size. */
const rowOf = (size: number, round: number) => (round * 7_919) % size;
const path = (n: number) => `/v1/run/${runId(n)}/evaluation/${evaluationId(n)}`;

const OPERATIONS: readonly Operation[] = [
  {
    title: 'update',
    operation: 'updateEvaluation',
    call: (size, round) => ({
      method: 'PUT',
      path: path(rowOf(size, round)),
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
    call: (size, round) => ({ method: 'GET', path: path(rowOf(size, round)), status: 200 }),
  },
  {
    title: `list, a run of ${PER_RUN}`,
    operation: 'listEvaluations',
    call: (size, round) => ({ method: 'GET', path: `/v1/run/${runId(rowOf(size, round))}/evaluations`, status: 200 }),
  },
];

/** The most that any request of the operation has cost. */
function costOf({ lines }: Database, operation: string): string {
  const own = lines.filter((line) => line.operation === operation);
  const most = (read: (line: (typeof own)[number]) => number) => Math.max(...own.map(read));
  return `${most((line) => line.d1_calls)} call, ${most((line) => line.rows_read)} read, ${most((line) => line.rows_written)} written`;
}

export async function measureScale(root: string): Promise<string> {
  const credentials = await createCredentials('HS256');
  const databases: Database[] = [];
  const rounds = new Rounds();
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
  } finally {
    for (const database of databases) await database.stop();
  }
  const smallest = String(SIZES[0]);
  const [largest] = databases.slice(-1);
  const storage = `Storage, of ${largest?.size.toLocaleString('en')}: ${largest?.bytesPerRow.toFixed(0)} bytes per evaluation, ${largest?.bytesPerReplaced.toFixed(0)} per replaced value`;
  const costs = table(
    ['D1, and median latency', ...SIZES.map((size) => `${size.toLocaleString('en')} evaluations`)],
    OPERATIONS.map(({ title, operation }) => [
      title,
      ...databases.map((database) => {
        const size = String(database.size);
        const [latency, ratio] = [
          rounds.median(title, size),
          rounds.median(title, size) / rounds.median(title, smallest),
        ];
        return `${costOf(database, operation)}; ${latency.toFixed(2)} ms, ${ratio.toFixed(2)}`;
      }),
    ]),
  );
  return `${costs}\n\n${storage}`;
}
