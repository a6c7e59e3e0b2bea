/** Measures response times and calls to D1, with a stand-in for D1 that answers after 100 ms. */
import { createAllCredentials, createLines, findPort, readSettings } from './lines.ts';
import { sendOne } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { startWorkerd, type Workerd } from './workerd.ts';
import type { Bundle, Name } from './workers.ts';

const ROUND_TRIP_MS = 100;
const ROUNDS = 7;
const WORKERS = ['engineer', 'tutorial', 'run-evaluation'] as const;
/** `lean` answers this request with one call to D1, so its row shows the time of one round trip. */
const NEAREST = 'get';

export async function measureDistance(bundles: ReadonlyMap<Name, Bundle>): Promise<string> {
  progress('distance');
  const credentials = await createAllCredentials(['HS256']);
  const started = new Map<Name, Workerd>();
  const rounds = new Rounds();
  try {
    for (const name of ['lean', ...WORKERS] as const) {
      const folder = bundles.get(name)?.folder ?? '';
      started.set(
        name,
        await startWorkerd(folder, readSettings(credentials), { roundTripMs: ROUND_TRIP_MS }),
      );
    }
    const all = await createLines(credentials, findPort(started, 'run-evaluation', 'HS256'));
    const lines = all.filter(
      ({ call, title }) => call.status !== 401 && !title.endsWith('new token'),
    );
    const nearest = all.find(({ title }) => title === NEAREST);
    if (!nearest) throw new Error(`no line ${NEAREST}`);
    // Round 0 is not counted: it warms up the Workers.
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const line of lines) {
        for (const [name, workerd] of started) {
          const { alg, call, workers } = name === 'lean' ? nearest : line;
          if (!workers.includes(name)) continue;
          const before = await countCalls(workerd);
          const begun = performance.now();
          await sendOne(findPort(started, name, alg), call);
          if (round > 0) rounds.add(line.title, name, performance.now() - begun);
          if (round > 0)
            rounds.add(`${line.title}, calls`, name, (await countCalls(workerd)) - before);
        }
      }
    }
    return table(
      [`D1 ${ROUND_TRIP_MS} ms away`, 'one round trip', ...WORKERS],
      lines.map(({ title, workers }) => [
        title,
        `${rounds.computeMedian(title, 'lean').toFixed(1)} ms`,
        ...WORKERS.map((name) => {
          if (!workers.includes(name)) return '–';
          const calls = rounds.computeMedian(`${title}, calls`, name);
          return `${rounds.computeMedian(title, name).toFixed(1)} ms, ${calls} ${calls === 1 ? 'round trip' : 'round trips'}`;
        }),
      ]),
    );
  } finally {
    for (const workerd of started.values()) await workerd.stop();
  }
}

const countCalls = async ({ ports }: Workerd) =>
  Number(await (await fetch(`http://127.0.0.1:${ports.get('d1')}/`)).text());
