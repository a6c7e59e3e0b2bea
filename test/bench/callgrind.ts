/** Counts the CPU instructions of workerd with valgrind's callgrind. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Workerd } from './workerd.ts';

export const NO_VALGRIND =
  'Instructions are not counted: that needs valgrind (apt-get install valgrind).';

export function hasValgrind(): boolean {
  try {
    execFileSync('valgrind', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Returns a command that runs workerd in valgrind. valgrind writes its counts into `folder`. */
export const createCountCommand = (folder: string, ...options: readonly string[]) => [
  'valgrind',
  '--quiet',
  '--tool=callgrind',
  `--callgrind-out-file=${folder}/count`,
  ...options,
];

export const control = ({ pid }: Workerd, what: string) =>
  execFileSync('callgrind_control', [what, String(pid)], { stdio: 'ignore' });

/** Returns the number of instructions since the previous call of this function. */
export function readCount(workerd: Workerd, folder: string): number {
  control(workerd, '--dump');
  const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('count.'));
  const [, total] =
    /^(?:totals|summary): (\d+)/m.exec(readFileSync(join(folder, file), 'utf8')) ?? [];
  if (total === undefined) throw new Error(`valgrind wrote no count into ${file}`);
  rmSync(join(folder, file));
  return Number(total);
}
