/** The SQL that the Worker carries: written by drizzle before the build, and refused if the Worker would change it. */
import { execFileSync } from 'node:child_process';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/db/compile.ts';
import { statement } from '../../src/db/statement.ts';

it('is what drizzle writes from the schema and the queries', () => {
  expect(execFileSync('node', ['src/cli/sql.ts', '--check'], { encoding: 'utf8' })).toBe('');
});

describe('a query', () => {
  it.each([
    [sql`SELECT 'a  b'`, 'literal'],
    [sql`SELECT 'a\nb'`, 'literal'],
    [sql`SELECT ':value'`, 'literal'],
    [sql`SELECT 1 -- why`, 'comment'],
    [sql`SELECT /* why */ 1`, 'comment'],
    [sql`SELECT ${7}`, 'the value 7'],
  ])(
    'is not compiled if the Worker would change it, or if it holds a value: %#',
    (query, fault) => {
      expect(() => compile({ getSQL: () => query })).toThrow(fault);
    },
  );

  it('names its parameters, of which each is bound once', () => {
    const { text } = compile({
      getSQL: () =>
        sql`SELECT ${sql.placeholder('b')}, ${sql.placeholder('a')}, ${sql.placeholder('b')}, '%H:%M'`,
    });

    expect(text).toBe(`SELECT :b, :a, :b, '%H:%M'`);
    expect(statement(`\n  ${text}\n`)).toEqual({
      sql: `SELECT ?1, ?2, ?1, '%H:%M'`,
      params: ['b', 'a'],
    });
  });
});
