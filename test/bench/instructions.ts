/**
 * Instructions per request, counted by valgrind on workerd with one thread: what else the machine
 * does hardly matters, so the best figure for what a change costs. Only the floors and this Worker,
 * because it is slow.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createCredentialsOf, type Line, linesOf, portOf, settingsOf } from './lines.ts';
import { send } from './load.ts';
import { progress, Rounds, table } from './measure.ts';
import { startWorkerd, type Workerd } from './workerd.ts';
import type { Bundle, Name } from './workers.ts';

/** This Worker first, because its link serves for the lines of all. */
const COUNTED = ['run-evaluation', 'lean', 'engineer'] as const;
const COLUMNS = ['lean', 'engineer', 'run-evaluation'] as const;
const WARM_UP_REQUESTS = 1000;
/** V8 compiles or collects garbage in a few rounds of a line: the median leaves them out. */
const ROUNDS = 8;
const REQUESTS = 50;

/** `only` is part of the titles of the lines that are counted. */
export async function countInstructions(
  bundles: ReadonlyMap<Name, Bundle>,
  only = '',
): Promise<string> {
  if (!hasValgrind())
    return 'Instructions are not counted: that needs valgrind (apt-get install valgrind).';
  const credentials = await createCredentialsOf(['HS256']);
  const counts = new Rounds();
  let lines: Line[] = [];
  for (const name of COUNTED) {
    const folder = bundles.get(name)?.folder ?? '';
    const counter = [
      'valgrind',
      '--quiet',
      '--tool=callgrind',
      '--instr-atstart=no',
      `--callgrind-out-file=${folder}/count`,
    ];
    const workerd = await startWorkerd(folder, settingsOf(credentials), {
      under: counter,
      v8Flags: ['--single-threaded'],
    });
    const started = new Map([[name, workerd] as const]);
    try {
      // Its link serves for all: they have one secret.
      if (name === 'run-evaluation') {
        const all = await linesOf(credentials, portOf(started, name, 'HS256'));
        lines = all.filter(({ title }) => title.includes(only));
      }
      const own = lines.filter(({ workers }) => workers.includes(name));
      progress(`instructions, ${name}, warming up`);
      for (const { alg, call } of own)
        await send(portOf(started, name, alg), call, WARM_UP_REQUESTS);
      control(workerd, '--instr=on');
      dump(workerd, folder);
      for (let round = 1; round <= ROUNDS; round += 1) {
        progress(`instructions, ${name}, round ${round} of ${ROUNDS}`);
        for (const { title, alg, call } of own) {
          await send(portOf(started, name, alg), call, REQUESTS);
          counts.add(title, name, dump(workerd, folder) / REQUESTS / 1000);
        }
      }
    } finally {
      await workerd.stop();
    }
  }
  return table(
    ['thousand instructions per request', ...COLUMNS, 'to lean', 'to engineer'],
    lines.map(({ title }) => [
      title,
      ...COLUMNS.map((name) => told(counts.least(title, name), 0)),
      ...(['lean', 'engineer'] as const).map((peer) =>
        told(counts.least(title, 'run-evaluation') / counts.least(title, peer), 2),
      ),
    ]),
  );
}

const told = (figure: number, digits: number) =>
  Number.isNaN(figure) ? '–' : figure.toFixed(digits);

function hasValgrind(): boolean {
  try {
    execFileSync('valgrind', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const control = ({ pid }: Workerd, what: string) =>
  execFileSync('callgrind_control', [what, String(pid)], { stdio: 'ignore' });

/** What was counted since the last dump. */
function dump(workerd: Workerd, folder: string): number {
  control(workerd, '--dump');
  const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('count.'));
  const [, total] =
    /^(?:totals|summary): (\d+)/m.exec(readFileSync(join(folder, file), 'utf8')) ?? [];
  if (total === undefined) throw new Error(`valgrind told no count in ${file}`);
  rmSync(join(folder, file));
  return Number(total);
}
