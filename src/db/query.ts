/**
 * Writes the SQL of the Worker before the build. drizzle infers the type of a statement's rows from
 * its query, and the query declares its parameters. So `tsc` refuses a statement that does not fit
 * its caller. Only `*.query.ts` files and `npm run sql` import this file. At run time, drizzle
 * would add 19 KiB (gzip) to the bundle and double the start-up. Each query that it builds would
 * cost 1.9 times the CPU of an update.
 */
import {
  Column,
  eq,
  exists,
  getTableColumns,
  gt,
  is as isA,
  lt,
  Placeholder,
  SQL,
  type SQLWrapper,
  sql,
} from 'drizzle-orm';
import {
  alias,
  BaseSQLiteDatabase,
  type SelectedFields,
  SQLiteAsyncDialect,
  type SQLiteColumn,
  type SQLiteTable,
  type SQLiteUpdateConfig,
} from 'drizzle-orm/sqlite-core';
import { SQLiteRemoteSession } from 'drizzle-orm/sqlite-proxy';
import type { AccountId } from '../principal.ts';
import {
  accountObject,
  deletedEvaluation,
  evaluationLabel,
  keyedWrite,
  revokedLink,
  runEvaluation,
  runEvaluationHistory,
} from './schema.ts';
import { LIVES_IN_OBJECT, type OrNulls } from './statement.ts';

/**
 * The tables under the one-letter names that every statement uses:
 * - `e`: an evaluation
 * - `h`: the history of an evaluation
 * - `w`: a write with a key
 * - `d`: a deletion
 * - `l`: a label
 * - `k`: a revoked link ("k" as in key)
 * - `a`: an account that lives in an object
 */
export const e = alias(runEvaluation, 'e');
export const h = alias(runEvaluationHistory, 'h');
export const w = alias(keyedWrite, 'w');
export const d = alias(deletedEvaluation, 'd');
export const l = alias(evaluationLabel, 'l');
export const k = alias(revokedLink, 'k');
export const a = alias(accountObject, 'a');

const ORIGINALS = new Map<SQLWrapper, SQLiteTable>([
  [e, runEvaluation],
  [h, runEvaluationHistory],
  [w, keyedWrite],
  [d, deletedEvaluation],
  [l, evaluationLabel],
  [k, revokedLink],
  [a, accountObject],
]);

/** Writes readable SQL: names without quotes, and parameters by name instead of `?`. */
class ReadableDialect extends SQLiteAsyncDialect {
  override escapeName(name: string): string {
    return name;
  }
  override escapeParam(_: number, param?: unknown): string {
    if (isA(param, Placeholder)) return `:${param.name}`;
    if (typeof param === 'number') return `${param}`;
    throw new Error(`a query contains the value ${JSON.stringify(param)}: use a parameter`);
  }
  /** Writes `UPDATE run_evaluation AS e`; drizzle alone would write `UPDATE e`. */
  override buildUpdateQuery(config: SQLiteUpdateConfig): SQL {
    const { queryChunks } = super.buildUpdateQuery(config);
    const original = ORIGINALS.get(config.table);
    const named = original ? sql`${original} AS ${config.table}` : config.table;
    return new SQL(queryChunks.map((chunk) => (chunk === config.table ? named : chunk)));
  }
}

const dialect = new ReadableDialect();

/** Builds queries, but never runs one: the session has no database. */
const session = new SQLiteRemoteSession(async () => ({ rows: [] }), dialect, undefined);
const orm = new BaseSQLiteDatabase('async', dialect, session, undefined);

/** The type of a parameter's value. No value has the property `type`. */
type Kind<T> = { readonly type?: T };
type Kinds = { readonly [name: string]: Kind<unknown> };
/** Declares a parameter whose values have type T. */
export const param = <T>(): Kind<T> => ({});

/** The values that the caller of a statement binds. */
type ParamsOf<K> = {
  readonly [name in keyof K]: K[name] extends Kind<infer T> ? T : never;
};

/** A parameter inside a query. `placeholder` is for LIMIT, where drizzle accepts no other SQL. */
class Parameter<T> extends SQL<T> {
  readonly placeholder: Placeholder;
  constructor(name: string) {
    const placeholder = sql.placeholder(name);
    super([placeholder]);
    this.placeholder = placeholder;
  }
}
type Parameters<P> = { readonly [name in keyof P]: Parameter<P[name]> };

/** The parameters of a query, by name, as a shared fragment of SQL receives them. */
export type In<K> = Parameters<ParamsOf<K>>;

/** A query with the type of its rows, which drizzle infers. */
type Rows = SQLWrapper & { readonly _: { readonly result: readonly object[] } };

/**
 * The type of a flat row, as D1 returns it. `Flat` lifts the columns of each group in a selection
 * to the top level. If drizzle infers that a group may be null, all columns of the group may be
 * NULL.
 */
type Flat<R> = [Groups<R>] extends [never] ? R : Omit<R, Groups<R>> & Merged<Pick<R, Groups<R>>>;
type Groups<R> = { [n in keyof R]: NonNullable<R[n]> extends object ? n : never }[keyof R];
type Merged<R> = {
  [n in keyof R]: (group: null extends R[n] ? OrNulls<NonNullable<R[n]>> : R[n]) => void;
}[keyof R] extends (group: infer All) => void
  ? All
  : never;

/** The text of a statement, for `npm run sql`, with the types of its parameters and rows. */
type Query<Params, Row> = {
  readonly text: string;
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/**
 * Writes the SQL of a query.
 * @param kinds the parameters that the query uses, by name
 * @param build makes the query from the parameters
 * @throws {Error} if the query does not use a parameter, if a result would have another name in the
 * database than in its type, or if `statement` (statement.ts) would change a part of the text.
 */
export function query<K extends Kinds, Q extends Rows>(
  kinds: K,
  build: (p: In<K>) => Q,
): Query<ParamsOf<K>, Flat<Q['_']['result'][number]>> {
  const built = build(listParameters(kinds));
  refuseOtherNames(built);
  const { sql: text } = dialect.sqlToQuery(built.getSQL());
  const unused = Object.keys(kinds).find((name) => !new RegExp(`:${name}\\b`).test(text));
  if (unused !== undefined)
    throw new Error(`a query does not use its parameter ${unused}: ${text}`);
  if (/--|\/\*/.test(text)) throw new Error(`a query contains a comment: ${text}`);
  const changed = text
    .match(/'[^']*'/g)
    ?.find((found) => /\s\s|[^\S ]|\( | \)|:[a-z_]/.test(found));
  if (changed !== undefined) {
    throw new Error(`a query contains the literal ${changed}, which would be changed`);
  }
  return { text };
}

/**
 * Writes the SQL of a read in one account's rows. D1's rows of an account that lives in an object
 * are out of date. For such an account one more row comes last, whose first column begins with
 * LIVES_IN_OBJECT (statement.ts). A further statement in each call would cost more than this row.
 * In an object, the row never comes. SQLite returns the parts of a UNION ALL one after the other.
 */
export function accountQuery<
  K extends Kinds & { readonly account: Kind<AccountId> },
  Q extends Rows,
>(kinds: K, build: (p: In<K>) => Q): Query<ParamsOf<K>, Flat<Q['_']['result'][number]>> {
  let width = 0;
  const { text } = query(kinds, (p) => {
    const built = build(p);
    width = countColumns(built);
    return built;
  });
  const rows = / (?:ORDER BY|LIMIT) /i.test(text) ? `SELECT * FROM (${text})` : text;
  const fence = `SELECT '${LIVES_IN_OBJECT}' || place${', NULL'.repeat(width - 1)}`;
  return { text: `${rows} UNION ALL ${fence} FROM account_object WHERE account_id = :account` };
}

/** Returns the number of columns that a SELECT returns. */
const countColumns = (built: object): number =>
  listLeaves(Reflect.get(built, 'config').fields).length;

function listParameters<K extends Kinds>(kinds: K): In<K> {
  const named = Object.keys(kinds).map((name) => [name, new Parameter(name)]);
  return Object.fromEntries(named);
}

/**
 * Refuses two faults of a query that types cannot show. The database names a result by its column
 * or alias, but drizzle's type names it by the key of the selection. In a query from one table,
 * drizzle prints columns of other tables without the name of their table.
 */
function refuseOtherNames(built: object): void {
  const { fields, returning, table, joins = [] } = Reflect.get(built, 'config');
  const selected = returning?.map(({ path, field }: Selected) => [path.at(-1), field]);
  const names = new Set<string>();
  for (const [key, field] of selected ?? listLeaves(fields)) {
    const name = isA(field, Column) ? field.name : isA(field, SQL.Aliased) ? field.fieldAlias : '';
    if (name !== key) throw new Error(`a query returns ${key} under the name "${name}"`);
    if (names.has(key)) throw new Error(`a query returns two results with the name ${key}`);
    names.add(key);
    const chunks = isA(field, SQL.Aliased) && joins.length === 0 ? field.sql.queryChunks : [];
    const other = chunks.find((chunk) => isA(chunk, Column) && chunk.table !== table);
    if (other) throw new Error(`${key} would be written without the table of its column`);
  }
}

type Selected = { readonly path: readonly string[]; readonly field: unknown };

/** Returns the results of a selection, with the groups flattened. */
const listLeaves = (fields: object): [string, unknown][] =>
  Object.entries(fields).flatMap(([key, field]) =>
    isA(field, Column) || isA(field, SQL) || isA(field, SQL.Aliased)
      ? [[key, field]]
      : listLeaves(field),
  );

/** SQL with a value of type T: a column, a parameter or a fragment. */
export type Expression<T> = SQL<T> | (SQLiteColumn & { readonly _: { readonly data: T } });

/** The values of a condition in SQLite: false, true and unknown. */
export type Truth = 0 | 1 | null;

/**
 * A comparison of two values of the same type. drizzle's own operators accept any SQL on the right,
 * even a text beside a number.
 */
type Comparison = <T>(left: Expression<T>, right: Expression<NoInfer<T> | null>) => SQL<Truth>;
const comparison =
  (operator: (left: SQLWrapper, right: SQLWrapper) => SQL): Comparison =>
  (left, right) =>
    sql<Truth>`${operator(left, right)}`;

export const same = comparison(eq);
export const above = comparison(gt);
export const below = comparison(lt);
/** Compares with IS, so NULL equals NULL. */
export const is = comparison((left, right) => sql`${left} IS ${right}`);

/** Joins conditions with AND. drizzle's `and()` would silently drop an undefined condition. */
export const all = (...conditions: SQL[]): SQL<Truth> =>
  sql<Truth>`(${sql.join(conditions, sql` AND `)})`;

export const coalesce = <T>(
  value: Expression<T | null>,
  otherwise: Expression<NoInfer<T>>,
): SQL<T> => sql<T>`coalesce(${value}, ${otherwise})`;

/** Writes a text as an SQL literal. The text must not contain a quote. */
export const literal = (text: string): SQL<string> => sql<string>`${sql.raw(`'${text}'`)}`;

/** Returns SQL that is true if the table has a row that meets the condition. */
export const some = (table: SQLiteTable, condition: SQL): SQL<Truth> =>
  sql<Truth>`${exists(orm.select({ one: sql`1` }).from(table).where(condition))}`;

/**
 * Returns the value of a query with one column and at most one row; NULL if the query returns no
 * row.
 */
export const scalar = <T>(
  one: SQLWrapper & { readonly _: { readonly result: readonly { readonly [name: string]: T }[] } },
): SQL<T | null> => sql<T | null>`${one}`;

/** Gives a column another name in the result. */
export const named = <T, N extends string>(column: Expression<T>, name: N) =>
  sql<T | null>`${column}`.as(name);

export const select = <S extends SelectedFields>(fields: S) => orm.select(fields);

type Values<T extends SQLiteTable> = {
  readonly [column in keyof T['$inferSelect']]: Expression<T['$inferSelect'][column]>;
};

/** Starts an UPDATE with checked types: drizzle's own `set` accepts any SQL for any column. */
export const update = <T extends SQLiteTable>(table: T, values: Partial<Values<T>>) =>
  orm.update(table).set(values);

/**
 * Starts an INSERT of one row, which happens only if the condition is true. `values` must have
 * every column.
 */
export const insertIf = <T extends SQLiteTable>(table: T, values: Values<T>, condition: SQL) => {
  const named: { readonly [column: string]: SQLWrapper } = values;
  const ordered = Object.keys(getTableColumns(table)).map((column) => named[column]);
  return orm.insert(table).select(sql`SELECT ${sql.join(ordered, sql`, `)} WHERE ${condition}`);
};
