/**
 * Whether an account is the same in two databases, to the byte; or, once one of them takes writes, whether all that is in
 * the one that does not is still in the other: as it was, or as a version that was replaced since.
 */
import {
  digestOf,
  keyOf,
  MOVED_TABLES,
  pagesOf,
  type Row,
  readRows,
  type Store,
  type Table,
  type Value,
  valuesOf,
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
    let after: readonly Value[] | undefined;
    for await (const page of pagesOf(source, table, account)) {
      const last = page.at(-1);
      const until = last && keyOf(table, last);
      const present = new Map<string, Row>();
      for (const row of await readRows(target, table, account, after, until)) present.set(keyText(table, row), row);
      after = until;
      const replaced: Row[] = [];
      for (const row of page) {
        const found = present.get(keyText(table, row));
        if (!found && hasExpired(row)) continue;
        if (!found) throw new Difference(`${table.name} of ${account} lacks ${keyText(table, row)} in ${target.name}`);
        if (isEqual(table.columns, row, found)) continue;
        if (!isLater(table, row, found)) throw notLater(table.name, account, keyText(table, row), target);
        if (table.name === 'run_evaluation') replaced.push(row);
      }
      await requireInHistory(target, account, replaced);
      onRows(page.length);
    }
  }
}

/** A revocation, which is forgotten once its link has expired. */
const hasExpired = ({ expires_at }: Row) => typeof expires_at === 'string' && expires_at < new Date().toISOString();

const keyText = (table: Table, row: Row) => JSON.stringify(keyOf(table, row));
const isEqual = (columns: readonly string[], a: Row, b: Row) => columns.every((column) => a[column] === b[column]);

/** What a later write may set; anything else of a row never changes. */
const CHANGEABLE = ['name', 'description', 'archived_at', 'value', 'updated_by', 'updated_at', 'write_id'];
const version = (row: Row) => String(row['updated_at'] ?? row['created_at']);

/** A row of a table whose rows can be updated, and the same one as a later write left it. */
function isLater({ columns }: Table, row: Row, found: Row): boolean {
  const isUpdated = columns.includes('created_at') && columns.includes('updated_at');
  const immutable = columns.filter((column) => !CHANGEABLE.includes(column));
  return isUpdated && isEqual(immutable, row, found) && version(found) > version(row);
}

const notLater = (table: string, account: string, key: string, target: Store) =>
  new Difference(`${table} of ${account} has another ${key} in ${target.name}, and not a later one`);

const CHECKS_MAX = 100;

/** Each of these versions of an evaluation is in its history. */
async function requireInHistory(target: Store, account: string, rows: readonly Row[]): Promise<void> {
  const sql = `SELECT 1 FROM run_evaluation_history
    WHERE account_id = ? AND updated_at = ? AND evaluation_id = ? AND value = ? AND write_id = ?`;
  for (let at = 0; at < rows.length; at += CHECKS_MAX) {
    const some = rows.slice(at, at + CHECKS_MAX);
    const paramsOf = (row: Row) => [account, version(row), ...valuesOf(row, ['id', 'value', 'write_id'])];
    const found = await target.batch(some.map((row) => ({ sql, params: paramsOf(row) })));
    const lost = some.find((_, index) => found[index]?.length !== 1);
    if (lost) throw notLater('run_evaluation', account, JSON.stringify([lost['id']]), target);
  }
}
