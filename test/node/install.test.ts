/** What an install takes: packages by their hash, and no program of theirs. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

type Entry = { readonly version: string; readonly integrity?: string; readonly resolved?: string };

const FOLDERS = ['.', 'test/bench', 'test/clients'];
const LOCKFILES = FOLDERS.map((folder) => `${folder}/package-lock.json`);

const entriesOf = (file: string): [string, Entry][] =>
  Object.entries<Entry>(JSON.parse(readFileSync(file, 'utf8')).packages).filter(
    ([path]) => path !== '',
  );

it.each(LOCKFILES)('takes each package of %s by a hash', (file) => {
  const entries = entriesOf(file);

  expect(entries.length).toBeGreaterThan(0);
  // npm leaves the hash out where it finds the package in node_modules: write the lockfile where there are none.
  expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
});

it.each(LOCKFILES)('names no registry in %s', (file) => {
  expect(entriesOf(file).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

it.each(FOLDERS)('runs no install script in %s', (folder) => {
  expect(readFileSync(`${folder}/.npmrc`, 'utf8')).toMatch(/^ignore-scripts=true$/m);
});

it('runs the scripts on the Node of the lockfile, whatever Node runs npm, and passes on how they end', () => {
  const pinned = entriesOf('package-lock.json').filter(([path]) =>
    /node_modules\/node-(bin-)?(linux|darwin|win)-/.test(path),
  );
  const run = (code: string) =>
    spawnSync(process.execPath, ['src/cli/with-node.js', 'node', '-e', code], {
      env: { PATH: '/nowhere' },
      encoding: 'utf8',
    });

  expect(pinned).toHaveLength(5);
  expect(pinned.map(([, { version }]) => `v${version}\n`)).toEqual(
    Array.from({ length: 5 }, () => run('console.log(process.version)').stdout),
  );
  expect(run('process.exit(7)').status).toBe(7);
});
