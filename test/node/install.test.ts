/** Tests that the lockfiles have a hash of each package, and that npm runs no install script. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

type Entry = { readonly version: string; readonly integrity?: string; readonly resolved?: string };

const FOLDERS = ['.', 'test/clients'];
const LOCKFILES = FOLDERS.map((folder) => `${folder}/package-lock.json`);

const listEntries = (file: string): [string, Entry][] =>
  Object.entries<Entry>(JSON.parse(readFileSync(file, 'utf8')).packages).filter(
    ([path]) => path !== '',
  );

it.each(LOCKFILES)('each package of %s has a hash', (file) => {
  const entries = listEntries(file);

  expect(entries.length).toBeGreaterThan(0);
  // If this test fails, delete node_modules and the lockfile, and run
  // `npm install --package-lock-only`.
  expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
});

it.each(LOCKFILES)('%s names no registry', (file) => {
  expect(listEntries(file).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

it.each(FOLDERS)('npm ci in the folder %s runs no install script', (folder) => {
  expect(readFileSync(`${folder}/.npmrc`, 'utf8')).toMatch(/^ignore-scripts=true$/m);
});

it('with-node.js runs a script on the Node of the lockfile, not on the Node that runs npm, and passes on its exit status', () => {
  const pinned = listEntries('package-lock.json').filter(([path]) =>
    /node_modules\/node-(bin-)?(linux|darwin|win)-/.test(path),
  );
  const run = (code: string) =>
    spawnSync(process.execPath, ['src/cli/with-node.js', 'node', '-e', code], {
      env: { PATH: '/nowhere' },
      encoding: 'utf8',
    });

  expect(pinned).toHaveLength(5);
  const [version, ...others] = new Set(pinned.map(([, entry]) => `v${entry.version}\n`));
  expect(others).toEqual([]);
  expect(run('console.log(process.version)').stdout).toBe(version);
  expect(run('process.exit(7)').status).toBe(7);
});
