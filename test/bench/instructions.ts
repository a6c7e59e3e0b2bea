/**
 * Counts the CPU instructions of a request with valgrind. valgrind is slow, so the bench leaves out
 * the Worker `tutorial`.
 */
import { control, createCountCommand, hasValgrind, NO_VALGRIND, readCount } from './callgrind.ts';
import { createAllCredentials, createLines, findPort, type Line, readSettings } from './lines.ts';
import { send } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { startWorkerd } from './workerd.ts';
import type { Bundle, Name } from './workers.ts';

/**
 * run-evaluation is first, because only run-evaluation can create the link of "update by a link".
 */
const COUNTED = ['run-evaluation', 'lean', 'engineer'] as const;
const COLUMNS = ['lean', 'engineer', 'run-evaluation'] as const;
const WARM_UP_REQUESTS = 250;
const ROUNDS = 4;
const REQUESTS = 25;

/** Counts the instructions of each line whose title contains `only`. */
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
      under: createCountCommand(folder, '--instr-atstart=no'),
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
      readCount(workerd, folder);
      for (let round = 1; round <= ROUNDS; round += 1) {
        progress(`instructions, ${name}, round ${round} of ${ROUNDS}`);
        for (const { title, alg, call } of own) {
          await send(findPort(started, name, alg), call, REQUESTS);
          counts.add(title, name, readCount(workerd, folder) / REQUESTS / 1000);
        }
      }
    } finally {
      await workerd.stop();
    }
  }
  const write = (figure: number, digits: number) =>
    Number.isFinite(figure) && figure > 0 ? figure.toFixed(digits) : '–';
  const own = (title: string) => counts.findLeast(title, 'run-evaluation');
  return table(
    ['thousand instructions per request', ...COLUMNS, 'to lean', 'to engineer'],
    lines.map(({ title, beside = title }) => [
      title,
      ...COLUMNS.map((name) => write(counts.findLeast(title, name), 0)),
      write(own(title) / counts.findLeast(beside, 'lean'), 2),
      write(own(title) / counts.findLeast(beside, 'engineer'), 2),
    ]),
  );
}
