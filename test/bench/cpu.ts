/**
 * Measures the CPU time of each Worker for a request, with a stand-in for D1. The Workers take
 * turns, so other load affects all Workers alike.
 */
import { createAllCredentials, createLines, findPort, type Line, readSettings } from './lines.ts';
import { send } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { ALGORITHMS } from './tokens.ts';
import { startWorkerd, type Workerd } from './workerd.ts';
import { type Bundle, type Name, WORKERS } from './workers.ts';

const ROUNDS = 15;
const REQUESTS = 100;
const WARM_UP_REQUESTS = 400;

export async function measureCpu(bundles: ReadonlyMap<Name, Bundle>): Promise<string> {
  const credentials = await createAllCredentials(ALGORITHMS);
  const started = new Map<Name, Workerd>();
  const rounds = new Rounds();
  let lines: Line[] = [];
  try {
    for (const [name, { folder }] of bundles)
      started.set(name, await startWorkerd(folder, readSettings(credentials)));
    lines = await createLines(credentials, findPort(started, 'run-evaluation', 'HS256'));
    for (let round = 0; round <= ROUNDS; round += 1) {
      if (round % 10 === 0)
        progress(round === 0 ? 'warming up' : `CPU, round ${round} of ${ROUNDS}`);
      for (const { title, alg, call, workers } of lines) {
        for (const [name, workerd] of started) {
          if (!workers.includes(name)) continue;
          const count = round === 0 ? WARM_UP_REQUESTS : REQUESTS;
          const before = workerd.cpu();
          await send(findPort(started, name, alg), call, count);
          if (round > 0) rounds.add(title, name, (workerd.cpu() - before) / count / 1000);
        }
      }
    }
  } finally {
    for (const workerd of started.values()) await workerd.stop();
  }
  const cell = ({ title, workers }: Line, name: Name) =>
    workers.includes(name) ? `${rounds.computeMedian(title, name).toFixed(0)} µs` : '–';
  const ratio = ({ title, workers }: Line, peer: Name) =>
    workers.includes(peer) ? rounds.computeRatio(title, 'run-evaluation', peer).toFixed(2) : '–';
  return table(
    ['CPU per request', ...WORKERS, 'to lean', 'to engineer'],
    lines.map((line) => [
      line.title,
      ...WORKERS.map((name) => cell(line, name)),
      ratio(line, 'lean'),
      ratio(line, 'engineer'),
    ]),
  );
}
