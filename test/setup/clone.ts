/**
 * Copies the files that git tracks into a new folder. In the copy, `node_modules` is a symbolic
 * link, so no test needs the network.
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
      // With this PATH, commands run Node and the other tools from node_modules.
      PATH: [join(project, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
      // wrangler must not find the Cloudflare login of this machine.
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
     * Returns the standard output of a shell command.
     * @throws {Error} with all output if the command fails
     */
    async readOutput(command: string): Promise<string> {
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
