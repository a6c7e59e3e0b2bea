/**
 * Measures a cold start: the CPU instructions of workerd from its start until its first response.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCountCommand, hasValgrind, NO_VALGRIND, readCount } from './callgrind.ts';
import { progress, Rounds, table } from './measure.ts';
import { startWorkerd } from './workerd.ts';
import { type Bundle, type Name, WORKERS } from './workers.ts';

const ROUNDS = 2;
const EMPTY = 'export default { fetch: () => new Response(null, { status: 404 }) };';

export async function measureStartup(
  bundles: ReadonlyMap<Name, Bundle>,
  root: string,
): Promise<string> {
  if (!hasValgrind()) return NO_VALGRIND;
  const empty = join(root, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'index.js'), EMPTY);
  const rounds = new Rounds();
  for (let round = 1; round <= ROUNDS; round += 1) {
    rounds.add('start', 'empty', await countStart(empty));
    for (const [name, { folder }] of bundles) {
      progress(`start-up of ${name}, round ${round} of ${ROUNDS}`);
      rounds.add('start', name, await countStart(folder));
    }
  }
  const over = (name: Name) => rounds.findLeast('start', name) - rounds.findLeast('start', 'empty');
  const cells = (write: (name: Name) => string) => WORKERS.map(write);
  return table(
    ['a cold start', ...WORKERS],
    [
      [
        'bundle, minified, gzip',
        ...cells((name) => `${bundles.get(name)?.gzipKiB.toFixed(1)} KiB`),
      ],
      ['million instructions over an empty Worker', ...cells((name) => over(name).toFixed(1))],
      ['to engineer', ...cells((name) => (over(name) / over('engineer')).toFixed(2))],
    ],
  );
}

/** Returns the instructions of one cold start, in millions. */
async function countStart(folder: string): Promise<number> {
  const workerd = await startWorkerd(folder, new Map([['main', {}]]), {
    under: createCountCommand(folder),
    v8Flags: ['--single-threaded'],
  });
  try {
    await (await fetch(`http://127.0.0.1:${workerd.ports.get('main')}/nothing`)).text();
    return readCount(workerd, folder) / 1e6;
  } finally {
    await workerd.stop();
  }
}
