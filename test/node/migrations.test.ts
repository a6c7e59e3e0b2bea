/**
 * Tests that the migrations create the schema, and that a person has read each statement that can
 * lose data.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NEWEST_MIGRATION } from '../../src/db/migrations.generated.ts';
import { listUnreadStatements } from './migrations.ts';

const FILES = readdirSync('drizzle').filter((name) => name.endsWith('.sql'));

const runDrizzleKit = (command: string, folder: string, ...options: string[]) =>
  execFileSync('drizzle-kit', [command, '--dialect', 'sqlite', '--out', folder, ...options], {
    encoding: 'utf8',
  });

describe('drizzle/', () => {
  it.each(FILES)('each dangerous statement of %s has a note that somebody has read it', (file) => {
    expect(listUnreadStatements(readFileSync(`drizzle/${file}`, 'utf8'))).toEqual([]);
  });

  it('the newest migration is the one that GET /health looks for', () => {
    expect(FILES.sort().at(-1)).toBe(NEWEST_MIGRATION);
  });

  it('drizzle-kit finds the migrations consistent', () => {
    expect(runDrizzleKit('check', 'drizzle')).toContain("Everything's fine");
  });

  it('the migrations make everything that the schema declares', () => {
    // drizzle-kit writes ./ before the path, so the path must be relative.
    const copy = relative('', mkdtempSync(join(tmpdir(), 'run-evaluation-migrations-')));
    onTestFinished(() => rmSync(copy, { recursive: true }));
    cpSync('drizzle', copy, { recursive: true });

    expect(runDrizzleKit('generate', copy, '--schema', 'src/db/schema.ts')).toContain(
      'No schema changes',
    );
  });
});

describe('the check for unread migrations', () => {
  const rebuild = [
    'PRAGMA foreign_keys=OFF;',
    'CREATE TABLE `__new_run_evaluation` (`id` text);',
    'INSERT INTO `__new_run_evaluation` SELECT `id` FROM `run_evaluation`;',
    'DROP TABLE `run_evaluation`;',
    'ALTER TABLE `__new_run_evaluation` RENAME TO `run_evaluation`;',
  ];

  it('refuses each dangerous statement of a rebuild that drizzle-kit has written', () => {
    expect(listUnreadStatements(rebuild.join('--> statement-breakpoint\n'))).toHaveLength(4);
  });

  it.each([
    'drop  table evaluation_label',
    'ALTER TABLE run_evaluation DROP COLUMN value',
    'DROP TRIGGER run_evaluation_keep_history',
    'DELETE FROM run_evaluation',
    'ALTER TABLE run_evaluation DROP value',
    'ALTER TABLE run_evaluation RENAME value TO score',
    'DROP/**/TABLE run_evaluation',
    'REPLACE INTO run_evaluation SELECT * FROM x',
    '-- a note\nDROP TABLE x',
    'CREATE TABLE y (a);\nDROP TABLE x',
  ])('refuses %s', (statement) => {
    expect(listUnreadStatements(`${statement};`)).toHaveLength(1);
  });

  it.each([
    'ALTER TABLE `run_evaluation` ADD COLUMN `source` text',
    'CREATE INDEX x ON run_evaluation (account_id)',
    '-- DROP TABLE in a comment\nCREATE TABLE x (a)',
    '-- read: nothing has written this column since version 2\nALTER TABLE run_evaluation DROP COLUMN source',
  ])('accepts %s', (statement) => {
    expect(listUnreadStatements(`${statement};`)).toEqual([]);
  });

  it('a note that somebody has read a statement counts for that statement only', () => {
    const read = '-- read: it is empty\nDROP TABLE x; DROP TABLE y;';

    expect(listUnreadStatements(read)).toEqual(['DROP TABLE y']);
  });
});
