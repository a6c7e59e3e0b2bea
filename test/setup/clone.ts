/**
 * A copy of the project that has only the files that git knows, as a newcomer has it. Its packages
 * are those of the project, because a test must not need the network; `.ci/run` installs them anew.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { FILES } from '../node/pages.ts';
import { killChildren, type Place, run } from './children.ts';

const project = process.cwd();

export function cloneProject() {
  const root = mkdtempSync(join(tmpdir(), 'run-evaluation-setup-'));
  const folder = join(root, 'clone');
  const temporary = join(root, 'temporary');
  mkdirSync(temporary);
  for (const file of FILES) cpSync(join(project, file), join(folder, file), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  const place: Place = {
    cwd: folder,
    env: {
      ...process.env,
      // Node and the tools that the project pins, whatever runs the test.
      PATH: [join(project, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
      // What wrangler writes apart from the project goes with the copy, and no login of this
      // machine is used.
      TMPDIR: temporary,
      XDG_CONFIG_HOME: temporary,
    },
  };
  const shell = (command: string) => run(place, 'sh', '-c', command);
  return {
    folder,
    place,
    shell,
    /** The standard output. @throws {Error} with all output unless the command succeeds */
    async outputOf(command: string): Promise<string> {
      const { status, stdout, stderr } = await shell(command);
      if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
      return stdout;
    },
    async remove(): Promise<void> {
      await killChildren();
      rmSync(root, { recursive: true });
    },
  };
}
