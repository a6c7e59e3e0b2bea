/**
 * Writes the SQL of the Worker before the build, with the types of parameters and rows. Only
 * `*.query.ts` files and `npm run sql` import this file. In the bundle, drizzle would make cold
 * starts and requests slower.
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

/** One-letter aliases of the tables. */
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

/** Writes readable SQL: names without quotes, and `:name` instead of `?`. */
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

/** This session only builds queries. It has no database. */
const session = new SQLiteRemoteSession(async () => ({ rows: [] }), dialect, undefined);
const orm = new BaseSQLiteDatabase('async', dialect, session, undefined);

/** Only the compiler uses `type`: no object has this property. */
type ParamType<T> = { readonly type?: T };
type ParamTypes = { readonly [name: string]: ParamType<unknown> };
/** Declares a parameter whose values have type T. */
export const param = <T>(): ParamType<T> => ({});

type ParamsOf<K> = {
  readonly [name in keyof K]: K[name] extends ParamType<infer T> ? T : never;
};

/** LIMIT needs `placeholder`, because drizzle accepts no other SQL in a LIMIT. */
class Parameter<T> extends SQL<T> {
  readonly placeholder: Placeholder;
  constructor(name: string) {
    const placeholder = sql.placeholder(name);
    super([placeholder]);
    this.placeholder = placeholder;
  }
}
type Parameters<P> = { readonly [name in keyof P]: Parameter<P[name]> };

/** The parameters of a query, by name. */
export type In<K> = Parameters<ParamsOf<K>>;

type Rows = SQLWrapper & { readonly _: { readonly result: readonly object[] } };

/** The type of a row as D1 returns it: the columns of nested groups are on the top level. */
type Flat<R> = [Groups<R>] extends [never] ? R : Omit<R, Groups<R>> & Merged<Pick<R, Groups<R>>>;
type Groups<R> = { [n in keyof R]: NonNullable<R[n]> extends object ? n : never }[keyof R];
type Merged<R> = {
  [n in keyof R]: (group: null extends R[n] ? OrNulls<NonNullable<R[n]>> : R[n]) => void;
}[keyof R] extends (group: infer All) => void
  ? All
  : never;

type Query<Params, Row> = {
  readonly text: string;
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/**
 * Writes the SQL of the query that `build` makes from the parameters.
 * @throws {Error} if a parameter is unused, a name is wrong, or `statement` would change the text
 */
export function query<K extends ParamTypes, Q extends Rows>(
  paramTypes: K,
  build: (p: In<K>) => Q,
): Query<ParamsOf<K>, Flat<Q['_']['result'][number]>> {
  const built = build(listParameters(paramTypes));
  requireMatchingNames(built);
  const { sql: text } = dialect.sqlToQuery(built.getSQL());
  const unused = Object.keys(paramTypes).find((name) => !new RegExp(`:${name}\\b`).test(text));
  if (unused !== undefined)
    throw new Error(`a query does not use its parameter ${unused}: ${text}`);
  // `statement` joins all lines, so a comment would hide the rest of the SQL.
  if (/--|\/\*/.test(text)) throw new Error(`a query contains a comment: ${text}`);
  // `statement` collapses white space and replaces `:name`, even inside a literal.
  const changed = text
    .match(/'[^']*'/g)
    ?.find((found) => /\s\s|[^\S ]|\( | \)|:[a-z_]/.test(found));
  if (changed !== undefined) {
    throw new Error(`a query contains the literal ${changed}, which would be changed`);
  }
  return { text };
}

/**
 * Writes the SQL of a read. If the account lives in an object, the read returns one more row at the
 * end. The first column of this row is LIVES_IN_OBJECT (statement.ts), followed by the object's
 * place.
 */
export function accountQuery<
  K extends ParamTypes & { readonly account: ParamType<AccountId> },
  Q extends Rows,
>(paramTypes: K, build: (p: In<K>) => Q): Query<ParamsOf<K>, Flat<Q['_']['result'][number]>> {
  let width = 0;
  const { text } = query(paramTypes, (p) => {
    const built = build(p);
    width = countColumns(built);
    return built;
  });
  const rows = / (?:ORDER BY|LIMIT) /i.test(text) ? `SELECT * FROM (${text})` : text;
  const objectRow = `SELECT '${LIVES_IN_OBJECT}' || place${', NULL'.repeat(width - 1)}`;
  return { text: `${rows} UNION ALL ${objectRow} FROM account_object WHERE account_id = :account` };
}

const countColumns = (built: object): number =>
  listLeaves(Reflect.get(built, 'config').fields).length;

function listParameters<K extends ParamTypes>(paramTypes: K): In<K> {
  const named = Object.keys(paramTypes).map((name) => [name, new Parameter(name)]);
  return Object.fromEntries(named);
}

/** Refuses faults that the compiler cannot find, such as two results with one name. */
function requireMatchingNames(built: object): void {
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

const listLeaves = (fields: object): [string, unknown][] =>
  Object.entries(fields).flatMap(([key, field]) =>
    isA(field, Column) || isA(field, SQL) || isA(field, SQL.Aliased)
      ? [[key, field]]
      : listLeaves(field),
  );

/** SQL whose value has the type T: a column, a parameter or a fragment. */
export type Expression<T> = SQL<T> | (SQLiteColumn & { readonly _: { readonly data: T } });

/** A truth value in SQLite. NULL means unknown. */
export type Truth = 0 | 1 | null;

/** Compares two values of one type. drizzle's own operators accept any SQL on the right. */
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

/** Writes a text as an SQL literal. The text must not contain a single quote. */
export const literal = (text: string): SQL<string> => sql<string>`${sql.raw(`'${text}'`)}`;

/** Returns SQL that is true if the table has a row that meets the condition. */
export const some = (table: SQLiteTable, condition: SQL): SQL<Truth> =>
  sql<Truth>`${exists(orm.select({ one: sql`1` }).from(table).where(condition))}`;

/** Returns SQL for the value of a query with one column; NULL if the query returns no row. */
export const scalar = <T>(
  one: SQLWrapper & { readonly _: { readonly result: readonly { readonly [name: string]: T }[] } },
): SQL<T | null> => sql<T | null>`${one}`;

export const named = <T, N extends string>(column: Expression<T>, name: N) =>
  sql<T | null>`${column}`.as(name);

export const select = <S extends SelectedFields>(fields: S) => orm.select(fields);

type Values<T extends SQLiteTable> = {
  readonly [column in keyof T['$inferSelect']]: Expression<T['$inferSelect'][column]>;
};

/** Starts an UPDATE. drizzle's own `set` accepts any SQL for any column. */
export const update = <T extends SQLiteTable>(table: T, values: Partial<Values<T>>) =>
  orm.update(table).set(values);

/** Starts an INSERT of one row, which the database inserts only if the condition is true. */
export const insertIf = <T extends SQLiteTable>(table: T, values: Values<T>, condition: SQL) => {
  const named: { readonly [column: string]: SQLWrapper } = values;
  const ordered = Object.keys(getTableColumns(table)).map((column) => named[column]);
  return orm.insert(table).select(sql`SELECT ${sql.join(ordered, sql`, `)} WHERE ${condition}`);
};
