/** CPU per request: each Worker in a workerd of its own, in front of a D1 that answers at once, in interleaved rounds. */
import { type Call, send } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { MISSING, RUN, STORED } from './rows.ts';
import { ALGORITHMS, type Alg, type Credentials, createCredentials } from './tokens.ts';
import { startWorkerd, type Workerd } from './workerd.ts';
import { type Bundle, type Name, WORKERS } from './workers.ts';

const ROUNDS = 40;
const REQUESTS = 150;
const WARM_UP_REQUESTS = 3000;

type Scenario = { readonly title: string; readonly alg: Alg; readonly call: Call };

const path = (id: string) => `/v1/run/${RUN}/evaluation/${id}`;
const body = '{"value":8}';
const update = { method: 'PUT', path: path(STORED), body, status: 200 };

function scenariosOf(credentials: ReadonlyMap<Alg, Credentials>): Scenario[] {
  const each = [...credentials].flatMap(([alg, { token, tokens }]) => [
    { title: `update, ${alg}, repeated token`, alg, call: { ...update, token } },
    { title: `update, ${alg}, new token`, alg, call: { ...update, token: tokens } },
  ]);
  const first = credentials.get('HS256');
  if (!first) throw new Error('no HS256');
  const { token, forged } = first;
  return [
    ...each,
    { title: 'get', alg: 'HS256', call: { method: 'GET', path: path(STORED), token, status: 200 } },
    {
      title: 'update of a missing row: 404',
      alg: 'HS256',
      call: { ...update, path: path(MISSING), token, status: 404 },
    },
    {
      title: 'get of a missing row: 404',
      alg: 'HS256',
      call: { method: 'GET', path: path(MISSING), token, status: 404 },
    },
    { title: 'update with a forged token: 401', alg: 'HS256', call: { ...update, token: forged, status: 401 } },
  ];
}

/** The table, in microseconds and as ratios to the floor. */
export async function measureCpu(bundles: ReadonlyMap<Name, Bundle>): Promise<string> {
  const credentials = new Map(
    await Promise.all(ALGORITHMS.map(async (alg) => [alg, await createCredentials(alg)] as const)),
  );
  const settings = new Map([...credentials].map(([alg, first]) => [alg as string, first.settings]));
  const scenarios = scenariosOf(credentials);
  const started = new Map<Name, Workerd>();
  const rounds = new Rounds();
  try {
    for (const [name, { folder }] of bundles) started.set(name, await startWorkerd(folder, settings));
    for (let round = 0; round <= ROUNDS; round += 1) {
      if (round % 10 === 0) progress(round === 0 ? 'warming up' : `CPU, round ${round} of ${ROUNDS}`);
      for (const { title, alg, call } of scenarios) {
        for (const [name, workerd] of started) {
          const count = round === 0 ? WARM_UP_REQUESTS : REQUESTS;
          const before = workerd.cpu();
          await send(workerd.ports.get(alg) ?? 0, call, count);
          if (round > 0) rounds.add(title, name, (workerd.cpu() - before) / count / 1000);
        }
      }
    }
  } finally {
    for (const workerd of started.values()) await workerd.stop();
  }
  return table(
    ['CPU per request', ...WORKERS],
    scenarios.map(({ title }) => [
      title,
      ...WORKERS.map(
        (name) => `${rounds.median(title, name).toFixed(0)} µs, ${rounds.ratio(title, name, 'floor').toFixed(2)}`,
      ),
    ]),
  );
}
