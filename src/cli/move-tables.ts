/**
 * The rows of an account, table by table: read, copied, compared and deleted in the order of their keys, some at a time, so
 * that a move that was stopped goes on where it was. Statements are made here from the schema: a column that is added there
 * is moved too.
 */
import { createHash } from 'node:crypto';
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { evaluationLabel, revokedLink, runEvaluation, runEvaluationHistory } from '../db/schema.ts';

/** Few are read at a time: a label may have 64 KiB of categories. */
export const LABELS = describe(evaluationLabel, 25);

/** What an account has rows in. The history before its evaluations, which take it along when they are deleted. */
export const MOVED_TABLES = [
  describe(runEvaluationHistory, 1000),
  describe(runEvaluation, 1000),
  LABELS,
  describe(revokedLink, 1000),
];

export type Table = ReturnType<typeof describe>;

function describe(table: SQLiteTable, pageRows: number) {
  const { name, columns, primaryKeys } = getTableConfig(table);
  const [account, ...key] = primaryKeys.flatMap((primary) => primary.columns.map((column) => column.name));
  if (account !== 'account_id') throw new Error(`the account is not the first column of the key of ${name}`);
  return { name, columns: columns.map((column) => column.name), key, pageRows };
}

export type Value = string | number | null;
export type Row = { readonly [column: string]: Value };
export type Statement = { readonly sql: string; readonly params: readonly Value[] };

/** A database, as far as it is needed here. The statements of a batch are one transaction, and go to the primary. */
export type Store = {
  /** Its binding. */
  readonly name: string;
  readonly batch: (statements: readonly Statement[]) => Promise<Row[][]>;
};

/** Bound values of a statement (D1: Limits). */
const PARAMS_MAX = 100;
/** Statements of a batch, and about how much they carry: far below what D1 takes in one call. */
const STATEMENTS_MAX = 40;
const BATCH_MAX_BYTES = 512 * 1024;

const list = (columns: readonly string[]) => columns.join(', ');
const marks = (count: number) => Array(count).fill('?').join(', ');
/** A value for each column. */
export const valuesOf = (row: Row, columns: readonly string[]): Value[] => columns.map((column) => row[column] ?? null);
export const keyOf = ({ key }: Table, row: Row): Value[] => valuesOf(row, key);

export async function query(store: Store, sql: string, ...params: readonly Value[]): Promise<Row[]> {
  const [rows = []] = await store.batch([{ sql, params }]);
  return rows;
}

/** The rows after one key, or from the first one: up to another, however many, or in their order a page of them. */
export function readRows(
  store: Store,
  { name, columns, key, pageRows }: Table,
  account: string,
  after: readonly Value[] = [],
  until: readonly Value[] = [],
): Promise<Row[]> {
  const [keys, values] = [list(key), marks(key.length)];
  const later = after.length > 0 ? `AND (${keys}) > (${values})` : '';
  const end = until.length > 0 ? `AND (${keys}) <= (${values})` : `ORDER BY ${keys} LIMIT ${pageRows}`;
  const sql = `SELECT ${list(columns)} FROM ${name} WHERE account_id = ? ${later} ${end}`;
  return query(store, sql, account, ...after, ...until);
}

/** All rows, page by page, in the order of the key. */
export async function* pagesOf(store: Store, table: Table, account: string, after?: readonly Value[]) {
  for (let last = after; ; ) {
    const page = await readRows(store, table, account, last);
    if (page.length > 0) yield page;
    const row = page.at(-1);
    if (row === undefined || page.length < table.pageRows) return;
    last = keyOf(table, row);
  }
}

export async function countOf(store: Store, { name }: Table, account: string): Promise<number> {
  const [row] = await query(store, `SELECT count(*) AS count FROM ${name} WHERE account_id = ?`, account);
  return Number(row?.['count'] ?? 0);
}

/**
 * Of all rows in their order, and of how long the texts are in the database: what it would cut off on the way, such as
 * behind a NUL, shows in that.
 */
export async function digestOf(store: Store, table: Table, account: string): Promise<{ rows: number; sha256: string }> {
  const hash = createHash('sha256');
  let rows = 0;
  for await (const page of pagesOf(store, table, account)) {
    for (const row of page) hash.update(`${JSON.stringify(table.columns.map((column) => row[column]))}\n`);
    rows += page.length;
  }
  const lengths = table.columns.map((column) => `sum(octet_length(${column})) AS ${column}`);
  const [sums] = await query(store, `SELECT ${list(lengths)} FROM ${table.name} WHERE account_id = ?`, account);
  return { rows, sha256: hash.update(JSON.stringify(sums)).digest('hex') };
}

/** The last key that is there, in the order in which rows are copied. */
export async function lastKeyIn(store: Store, table: Table, account: string): Promise<Value[] | undefined> {
  const { name, key } = table;
  const order = key.map((column) => `${column} DESC`);
  const sql = `SELECT ${list(key)} FROM ${name} WHERE account_id = ? ORDER BY ${list(order)} LIMIT 1`;
  const [row] = await query(store, sql, account);
  return row && keyOf(table, row);
}

/** Statements that insert the rows exactly, in groups that fit into a batch. */
export function* insertsOf({ name, columns }: Table, rows: readonly Row[]): Generator<Statement[]> {
  const width = Math.floor(PARAMS_MAX / columns.length);
  let [batch, bytes]: [Statement[], number] = [[], 0];
  for (let at = 0; at < rows.length; at += width) {
    const some = rows.slice(at, at + width);
    const params = some.flatMap((row) => valuesOf(row, columns));
    const size = params.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length * 3 : 8), 0);
    if (batch.length === STATEMENTS_MAX || (bytes + size > BATCH_MAX_BYTES && batch.length > 0)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    const values = some.map(() => `(${marks(columns.length)})`).join(', ');
    batch.push({ sql: `INSERT INTO ${name} (${list(columns)}) VALUES ${values}`, params });
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Deletes all rows, some at a time, and none where no move is at that point; `onDeleted` hears how many were. */
export async function deleteRows(store: Store, table: Table, account: string, onDeleted: (rows: number) => void) {
  const { name, key, pageRows } = table;
  const some = `SELECT ${list(key)} FROM ${name} WHERE account_id = ?1 ORDER BY ${list(key)} LIMIT ${pageRows}`;
  const sql = `DELETE FROM ${name} WHERE account_id = ?1 AND (${list(key)}) IN (${some})
    AND EXISTS (SELECT 1 FROM account_move WHERE account_id = ?1 AND state IN ('finishing', 'discarding')) RETURNING 1`;
  for (let deleted = pageRows; deleted === pageRows; ) {
    deleted = (await query(store, sql, account)).length;
    onDeleted(deleted);
  }
}
