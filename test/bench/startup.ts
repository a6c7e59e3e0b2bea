/**
 * What a cold start costs: the CPU that workerd uses until its first answer, over that of an empty
 * Worker.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OFFLINE } from '../../src/cli/offline.ts';
import { median, progress, Rounds, table } from './measure.ts';
import { startWorkerd } from './workerd.ts';
import { type Bundle, type Name, WORKERS } from './workers.ts';

const ROUNDS = 21;
const PROFILES = 5;
const EMPTY = 'export default { fetch: () => new Response(null, { status: 404 }) };';

export async function measureStartup(
  bundles: ReadonlyMap<Name, Bundle>,
  root: string,
): Promise<string> {
  const empty = join(root, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'index.js'), EMPTY);
  const folders = [
    ['empty', empty],
    ...[...bundles].map(([name, { folder }]) => [name, folder]),
  ] as const;
  const rounds = new Rounds();
  for (let round = 1; round <= ROUNDS; round += 1) {
    progress(`start-up, round ${round} of ${ROUNDS}`);
    for (const [name = '', folder = ''] of folders)
      rounds.add('start', name, await cpuToFirstAnswer(folder));
  }
  const idle = rounds.of('start', 'empty');
  const over = (name: Name) =>
    median(rounds.of('start', name).map((cpu, round) => cpu - (idle[round] ?? 0)));
  const profiled = new Map(
    [...bundles].map(([name, { config }]) => [name, median(profile(name, config, root))]),
  );
  return table(
    ['', ...WORKERS],
    [
      [
        'bundle, minified, gzip',
        ...WORKERS.map((name) => `${bundles.get(name)?.gzipKiB.toFixed(1)} KiB`),
      ],
      [
        'start-up CPU over an empty Worker',
        ...WORKERS.map(
          (name) =>
            `${over(name).toFixed(1)} ms, ${(over(name) / over('engineer')).toFixed(2)} of engineer`,
        ),
      ],
      [
        '`wrangler check startup`, active',
        ...WORKERS.map((name) => `${profiled.get(name)?.toFixed(1)} ms`),
      ],
    ],
  );
}

/** In milliseconds. */
async function cpuToFirstAnswer(folder: string): Promise<number> {
  const workerd = await startWorkerd(folder, new Map([['main', {}]]));
  try {
    await (await fetch(`http://127.0.0.1:${workerd.ports.get('main')}/`)).text();
    return workerd.cpu() / 1e6;
  } finally {
    await workerd.stop();
  }
}

type Profile = {
  nodes: { id: number; callFrame: { functionName: string } }[];
  samples: number[];
  timeDeltas: number[];
};

/**
 * Milliseconds that were not idle, of each of a few profiles. It samples each 10 ms: coarser than
 * what it measures.
 */
function profile(name: Name, config: string, root: string): number[] {
  return Array.from({ length: PROFILES }, () => {
    progress(`wrangler check startup, ${name}`);
    const outfile = join(root, 'startup.cpuprofile');
    execFileSync(
      'wrangler',
      ['check', 'startup', '--config', config, '--env=', '--outfile', outfile],
      {
        env: OFFLINE,
        stdio: 'ignore',
      },
    );
    const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(outfile, 'utf8'));
    const idle = new Set(
      nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
    );
    return (
      timeDeltas.reduce((sum, delta, at) => (idle.has(samples[at] ?? 0) ? sum : sum + delta), 0) /
      1000
    );
  });
}
