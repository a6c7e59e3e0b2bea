/**
 * Tests the SQL that `npm run sql` writes, and the types of its parameters and rows. Each
 * `@ts-expect-error` is also a test: `tsc` fails if the line below it compiles.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { all, e, h, k, named, param, query, same, select, update } from '../../src/db/query.ts';
import { type RowOf, type Statement, type StatementOf, statement } from '../../src/db/statement.ts';
import { resourceColumns } from '../../src/evaluation/evaluation.query.ts';
import type { EvaluationRow } from '../../src/evaluation/read.ts';

const SQL_PROGRAM = resolve('src/cli/sql.ts');
const KEY = { account: param<string>(), id: param<string>() };

it('the checked-in SQL is what drizzle writes from the schema and the queries', () => {
  expect(execFileSync('node', [SQL_PROGRAM, '--check'], { encoding: 'utf8' })).toBe('');
});

it('npm run sql accepts a query file whose name is a reserved word or has a hyphen', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-sql-'));
  try {
    for (const name of ['src/db', 'src/run']) mkdirSync(join(folder, name), { recursive: true });
    cpSync('src/db/statement.ts', join(folder, 'src/db/statement.ts'));
    for (const [name, text] of [
      ['delete', 'DELETE FROM a WHERE id = :id'],
      ['bulk-delete', 'DELETE FROM a'],
    ]) {
      const exported = `export const ${name?.replace('-', '_')}_one = { text: '${text}' };\n`;
      writeFileSync(join(folder, `src/run/${name}.query.ts`), exported);
    }

    execFileSync('node', [SQL_PROGRAM], { cwd: folder });

    const { delete_one, bulk_delete_one } = await import(join(folder, 'src/run/sql.generated.ts'));
    expect(delete_one).toEqual({ sql: 'DELETE FROM a WHERE id = ?1', params: ['id'] });
    expect(bulk_delete_one).toEqual({ sql: 'DELETE FROM a', params: [] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('the text of a query', () => {
  const readText = (text: ReturnType<typeof sql>) =>
    query({}, () => select({ x: text.as('x') }).from(e)).text;

  it.each([
    [sql`'a  b'`, 'literal'],
    [sql`'a\nb'`, 'literal'],
    [sql`'( a'`, 'literal'],
    [sql`':value'`, 'literal'],
    [sql`1 -- why`, 'comment'],
    [sql`/* why */ 1`, 'comment'],
    [sql`${'seven'}`, 'the value "seven"'],
  ])(
    'refuses a literal or a comment that would not reach D1 unchanged, and a value that is not a parameter: %#',
    (text, fault) => {
      expect(() => readText(text)).toThrow(fault);
    },
  );

  it('binds a parameter once, even if the query uses it twice', () => {
    const { text } = query({ ...KEY, to: param<string>() }, (p) =>
      select({ id: e.id })
        .from(e)
        .where(all(same(e.id, p.id), same(e.account_id, p.account), same(e.run_id, p.id)))
        .orderBy(sql`${p.to}`),
    );

    expect(statement(`\n  ${text}\n`)).toEqual({
      sql: 'select id from run_evaluation e where (e.id = ?1 AND e.account_id = ?2 AND e.run_id = ?1) order by ?3',
      params: ['id', 'account', 'to'],
    });
  });

  it('refuses a parameter that is declared and not used', () => {
    const unused = () => query(KEY, (p) => select({ id: e.id }).from(e).where(same(e.id, p.id)));
    expect(unused).toThrow('account');
  });

  it('refuses a result that the database returns under another name, and two results with one name', () => {
    expect(() => query({}, () => select({ id: h.value }).from(h))).toThrow(
      'id under the name "value"',
    );
    expect(() => query({}, () => select({ id: sql`1` }).from(h))).toThrow('id under the name ""');
    const twice = { one: { id: e.id }, other: { id: k.id } };
    expect(() => query({}, () => select(twice).from(e).leftJoin(k, same(k.id, e.id)))).toThrow(
      'id',
    );
    const renamed = () =>
      query(KEY, (p) =>
        update(e, { value: sql<number>`1` })
          .where(all(same(e.account_id, p.account), same(e.id, p.id)))
          .returning({ id: e.run_id }),
      );
    expect(renamed).toThrow('id under the name "run_id"');
  });

  it('refuses a column of a table that the query does not read, because drizzle would write it without its table', () => {
    const other = sql<string>`${k.id}`.as('other');
    expect(() => query({}, () => select({ other }).from(e))).toThrow('other');
  });
});

type Rows<Q> = RowOf<StatementOf<Q>>;
type Params<Q> = StatementOf<Q> extends Statement<infer P, unknown> ? P : never;

describe('the types of a query', () => {
  const whole = query(KEY, (p) =>
    select(resourceColumns)
      .from(e)
      .where(all(same(e.account_id, p.account), same(e.id, p.id))),
  );
  const idOnly = query(KEY, (p) =>
    select({ id: e.id })
      .from(e)
      .where(all(same(e.account_id, p.account), same(e.id, p.id))),
  );
  const joined = query(KEY, (p) =>
    select({ evaluation: resourceColumns, replaced_value: named(h.value, 'replaced_value') })
      .from(sql`(SELECT 1)`)
      .leftJoin(e, all(same(e.account_id, p.account), same(e.id, p.id)))
      .leftJoin(h, same(h.evaluation_id, e.id)),
  );
  const readAsRow = (rows: EvaluationRow[]) => rows;

  it('tsc refuses a row that lacks a column', () => {
    readAsRow([] satisfies Rows<typeof whole>[]);
    const rows: Rows<typeof idOnly>[] = [];
    // @ts-expect-error: a row with an id alone is no evaluation
    expect(readAsRow(rows)).toEqual([]);
  });

  it('tsc refuses a computed column that the query does not have', () => {
    const rows: Rows<typeof joined>[] = [];
    expect(rows.map((row) => row.replaced_value)).toEqual([]);
    // @ts-expect-error: the query has no such column
    expect(rows.map((row) => row.is_own_write)).toEqual([]);
  });

  it('tsc knows that an outer join may have found nothing, until one column is checked', () => {
    const rows: Rows<typeof joined>[] = [];
    expect(rows.map((row) => (row.id === null ? null : row.run_id.length))).toEqual([]);
    // @ts-expect-error: there may be no evaluation
    expect(rows.map((row) => row.run_id.length)).toEqual([]);
  });

  it('tsc refuses a parameter that is misspelt, missing or of another type', () => {
    const bind = (params: Params<typeof whole>) => params;
    bind({ account: 'a', id: 'b' });
    // @ts-expect-error: a parameter is missing
    bind({ account: 'a' });
    // @ts-expect-error: a parameter is misspelt
    bind({ account: 'a', ids: 'b' });
    // @ts-expect-error: a parameter is a number
    bind({ account: 'a', id: 1 });
    // @ts-expect-error: the query has no such parameter
    const misspelt = () => query(KEY, (p) => select({ id: e.id }).from(e).where(same(e.id, p.ids)));
    expect(misspelt).toThrow();
  });

  it('tsc refuses a comparison or an assignment of another type', () => {
    const wrong = [
      // @ts-expect-error: a number is compared with a text
      () => query(KEY, (p) => select({ id: e.id }).from(e).where(same(e.value, p.id))),
      // @ts-expect-error: a text is set to a number column
      () => query(KEY, (p) => update(e, { value: p.id }).returning({ id: e.id })),
    ];
    for (const build of wrong) expect(build).toThrow('account');
  });
});
