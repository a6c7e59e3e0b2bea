/**
 * Whether an account is the same in two databases, to the byte; or, once one of them takes writes, whether all that is in
 * the one that does not is still in the other: as it was, or as a version that was replaced since.
 */
import {
  digestOf,
  keyOf,
  MOVED_TABLES,
  pagesOf,
  query,
  type Row,
  type Store,
  type Table,
  type Value,
} from './move-tables.ts';

export type Count = { readonly table: string; readonly rows: number; readonly sha256: string };

/** @throws {Error} naming the first table that differs. */
export async function requireEqual(source: Store, target: Store, account: string): Promise<Count[]> {
  const counts: Count[] = [];
  for (const table of MOVED_TABLES) {
    const [here, there] = [await digestOf(source, table, account), await digestOf(target, table, account)];
    if (here.rows !== there.rows || here.sha256 !== there.sha256) {
      const told = `${here.rows} rows in ${source.name} and ${there.rows} in ${target.name}`;
      throw new Difference(`${table.name} of ${account} is not the same in both: ${told}`);
    }
    counts.push({ table: table.name, ...here });
  }
  return counts;
}

/** What was compared is not as it must be. */
export class Difference extends Error {}

/** @throws {Difference} naming the first row that is lost. */
export async function requireKept(source: Store, target: Store, account: string, onRows: (rows: number) => void) {
  for (const table of MOVED_TABLES) {
    for await (const page of pagesOf(source, table, account)) {
      const present = await readSame(target, table, account, page);
      for (const row of page) {
        const key = JSON.stringify(keyOf(table, row));
        const found = present.get(key);
        if (!found) throw new Difference(`${table.name} of ${account} lacks ${key} in ${target.name}`);
        if (isEqual(table.columns, row, found)) continue;
        if (!(await wasReplaced(target, table, account, row, found))) {
          throw new Difference(`${table.name} of ${account} has another ${key} in ${target.name}, and not a later one`);
        }
      }
      onRows(page.length);
    }
  }
}

const isEqual = (columns: readonly string[], a: Row, b: Row) => columns.every((column) => a[column] === b[column]);

/** The rows of the target with these keys. */
async function readSame(target: Store, table: Table, account: string, page: readonly Row[]): Promise<Map<string, Row>> {
  const { name, columns, key } = table;
  const width = Math.floor(90 / key.length);
  const found = new Map<string, Row>();
  for (let at = 0; at < page.length; at += width) {
    const keys = page.slice(at, at + width).map((row) => keyOf(table, row));
    const values = keys.map((one) => `(${one.map(() => '?').join(', ')})`).join(', ');
    const sql = `SELECT ${columns.join(', ')} FROM ${name} WHERE account_id = ? AND (${key.join(', ')}) IN (VALUES ${values})`;
    const rows = await query(target, sql, account, ...keys.flat());
    for (const row of rows) found.set(JSON.stringify(keyOf(table, row)), row);
  }
  return found;
}

/** What a later write may set; anything else of a row never changes. */
const CHANGEABLE = ['name', 'description', 'archived_at', 'value', 'updated_by', 'updated_at', 'write_id'];

/** A later version took its place; of an evaluation, with this one in the history. */
async function wasReplaced(target: Store, table: Table, account: string, row: Row, found: Row): Promise<boolean> {
  if (!table.columns.includes('updated_at') || table.columns.includes('replaced_at')) return false;
  const version = (one: Row) => String(one['updated_at'] ?? one['created_at']);
  const immutable = table.columns.filter((column) => !CHANGEABLE.includes(column));
  if (!isEqual(immutable, row, found) || version(found) <= version(row)) return false;
  if (table.name !== 'run_evaluation') return true;
  const sql = `SELECT 1 FROM run_evaluation_history
    WHERE account_id = ? AND evaluation_id = ? AND updated_at = ? AND value = ? AND write_id = ?`;
  const values: Value[] = [row['id'] ?? null, version(row), row['value'] ?? null, row['write_id'] ?? null];
  return (await query(target, sql, account, ...values)).length === 1;
}
