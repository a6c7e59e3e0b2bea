/**
 * Tests the lockfiles. An install takes each package by its hash, and runs no program of a package.
 */
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
  // If npm finds a package in node_modules, it leaves the hash out. Write the lockfile without
  // node_modules.
  expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
});

it.each(LOCKFILES)('%s names no registry', (file) => {
  expect(listEntries(file).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

it.each(FOLDERS)('npm ci in the folder %s runs no install script', (folder) => {
  expect(readFileSync(`${folder}/.npmrc`, 'utf8')).toMatch(/^ignore-scripts=true$/m);
});

it('a script runs on the Node of the lockfile, whatever Node runs npm, and its status is passed on', () => {
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
