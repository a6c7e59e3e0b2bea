/**
 * Counts the instructions of a request, on workerd with one thread and the stand-in for D1. Other
 * load on the machine hardly changes these figures. The tutorial's Worker is left out, because
 * valgrind is slow.
 */
import { control, countWith, dump, hasValgrind, NO_VALGRIND } from './callgrind.ts';
import { createAllCredentials, createLines, findPort, type Line, readSettings } from './lines.ts';
import { send } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { startWorkerd } from './workerd.ts';
import type { Bundle, Name } from './workers.ts';

/** This Worker comes first, because its link serves for the lines of all. */
const COUNTED = ['run-evaluation', 'lean', 'engineer'] as const;
const COLUMNS = ['lean', 'engineer', 'run-evaluation'] as const;
const WARM_UP_REQUESTS = 250;
const ROUNDS = 4;
const REQUESTS = 25;

/** Returns the table of the lines whose titles contain `only`. */
export async function countInstructions(
  bundles: ReadonlyMap<Name, Bundle>,
  only = '',
): Promise<string> {
  if (!hasValgrind()) return NO_VALGRIND;
  const credentials = await createAllCredentials(['HS256']);
  const counts = new Rounds();
  let lines: Line[] = [];
  for (const name of COUNTED) {
    const folder = bundles.get(name)?.folder ?? '';
    const workerd = await startWorkerd(folder, readSettings(credentials), {
      under: countWith(folder, '--instr-atstart=no'),
      v8Flags: ['--single-threaded'],
    });
    const started = new Map([[name, workerd] as const]);
    try {
      if (name === 'run-evaluation') {
        const all = await createLines(credentials, findPort(started, name, 'HS256'));
        lines = all.filter(({ title }) => title.includes(only));
      }
      const own = lines.filter(({ workers }) => workers.includes(name));
      progress(`instructions, ${name}, warming up`);
      for (const { alg, call } of own)
        await send(findPort(started, name, alg), call, WARM_UP_REQUESTS);
      control(workerd, '--instr=on');
      dump(workerd, folder);
      for (let round = 1; round <= ROUNDS; round += 1) {
        progress(`instructions, ${name}, round ${round} of ${ROUNDS}`);
        for (const { title, alg, call } of own) {
          await send(findPort(started, name, alg), call, REQUESTS);
          counts.add(title, name, dump(workerd, folder) / REQUESTS / 1000);
        }
      }
    } finally {
      await workerd.stop();
    }
  }
  const write = (figure: number, digits: number) =>
    Number.isFinite(figure) && figure > 0 ? figure.toFixed(digits) : '–';
  const own = (title: string) => counts.least(title, 'run-evaluation');
  return table(
    ['thousand instructions per request', ...COLUMNS, 'to lean', 'to engineer'],
    lines.map(({ title, beside = title }) => [
      title,
      ...COLUMNS.map((name) => write(counts.least(title, name), 0)),
      write(own(title) / counts.least(beside, 'lean'), 2),
      write(own(title) / counts.least(beside, 'engineer'), 2),
    ]),
  );
}
