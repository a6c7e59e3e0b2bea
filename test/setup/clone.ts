/**
 * Copies the project for a test. The copy has only the files in git, as a newcomer has them. It
 * uses the project's installed packages, because a test must not need the network; `.ci/run`
 * installs them anew.
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
      // The copy finds the Node and the tools that the project pins, whichever program runs the
      // test.
      PATH: [join(project, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
      // wrangler writes its other files into the copy too, and uses no login of this machine.
      TMPDIR: temporary,
      XDG_CONFIG_HOME: temporary,
    },
  };
  const shell = (command: string) => run(place, 'sh', '-c', command);
  return {
    folder,
    place,
    shell,
    /**
     * Returns the standard output.
     * @throws {Error} with all output unless the command succeeds
     */
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
