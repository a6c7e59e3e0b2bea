/**
 * A copy of the project that holds only what git knows, as a newcomer has it; with the installed packages, for a test must
 * not need the network (`.ci/run` installs them anew).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILES } from './pages.ts';

const project = process.cwd();

/** Node as the project pins it, whatever runs the test. */
export const env = {
  ...process.env,
  PATH: `${join(project, 'node_modules/.bin')}:${process.env['PATH']}`,
};

export function cloneProject() {
  const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-'));
  for (const file of FILES) cpSync(join(project, file), join(folder, file), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    shell: (command: string) =>
      spawnSync('sh', ['-c', command], { cwd: folder, env, encoding: 'utf8' }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
