/** The migrations as files: consistent, complete, and none that rebuilds or drops what holds data unread. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NEWEST_MIGRATION } from '../../src/db/migration.query.ts';
import { unreadStatements } from './migrations.ts';

const FILES = readdirSync('drizzle').filter((name) => name.endsWith('.sql'));

describe('drizzle/', () => {
  it.each(FILES)('has nothing in it that rebuilds or drops a table unread: %s', (file) => {
    expect(unreadStatements(readFileSync(`drizzle/${file}`, 'utf8'))).toEqual([]);
  });

  it('has as its newest the one that GET /health looks for', () => {
    expect(FILES.sort().at(-1)).toBe(NEWEST_MIGRATION);
  });

  it('is consistent, as drizzle-kit sees it', () => {
    const output = execFileSync(
      'drizzle-kit',
      ['check', '--dialect', 'sqlite', '--out', 'drizzle'],
      {
        encoding: 'utf8',
      },
    );

    expect(output).toContain("Everything's fine");
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

  it('refuses a rebuild as drizzle-kit writes it', () => {
    expect(unreadStatements(rebuild.join('--> statement-breakpoint\n'))).toHaveLength(4);
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
    expect(unreadStatements(`${statement};`)).toHaveLength(1);
  });

  it.each([
    'ALTER TABLE `run_evaluation` ADD COLUMN `source` text',
    'CREATE INDEX x ON run_evaluation (account_id)',
    '-- DROP TABLE in a comment\nCREATE TABLE x (a)',
    '-- read: nothing has written this column since version 2\nALTER TABLE run_evaluation DROP COLUMN source',
  ])('accepts %s', (statement) => {
    expect(unreadStatements(`${statement};`)).toEqual([]);
  });

  it('wants each of them read, not one for all', () => {
    const read = '-- read: it is empty\nDROP TABLE x; DROP TABLE y;';

    expect(unreadStatements(read)).toEqual(['DROP TABLE y']);
  });
});
