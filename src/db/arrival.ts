/**
 * Brings an account from D1 into its object. The object first closes D1 for the account, so that no
 * version of the Worker can write there. Then the object copies the rows, compares every row, and
 * records the arrival in D1. Only then does the object serve the account. Last, it deletes the rows
 * in D1. The object stores each step with the step's result, and resumes there after the platform
 * has killed it.
 *
 * D1's row of `account_object` has `life`, a random name of the object, and the time of arrival. An
 * object that was lost, or restored to a time before the arrival, has another name or time, and
 * does not serve. One case cannot be detected: an account without rows arrives in one write to D1,
 * and a restore to that moment looks the same.
 */
import { messageOf } from '../failure.ts';
import { LABEL_PAGE_MAX_ROWS } from '../limits.ts';
import { formatAccountObjectEntry, type Place } from '../settings.ts';
import type { Refusal } from './account-object.ts';
import { awaitAnswer, prepare } from './d1.ts';
import { MIGRATIONS } from './migrations.generated.ts';
import { closeAccount, noteArrival, readAccountObject } from './sql.generated.ts';
import type { RowOf } from './statement.ts';

/**
 * The rows of one read or one deletion in D1. An object has 128 MB of memory (Durable Objects:
 * Limits).
 */
const PAGE_MAX_ROWS = 500;
const choosePageSize = ({ name }: { readonly name: string }) =>
  name === 'evaluation_label' ? LABEL_PAGE_MAX_ROWS : PAGE_MAX_ROWS;
/**
 * The calls to D1 in one slice of work. D1 allows 50 queries per invocation on the Free plan (D1:
 * Limits).
 */
const SLICE_MAX_CALLS = 40;
/** One slice of work ends after this time, and an alarm starts the next slice. */
const SLICE_MAX_MS = 5000;
/** A request waits at most this long for the copy. */
const WAIT_MAX_MS = 300;
/** If the platform kills the object in a slice, an alarm resumes the work after this time. */
const STALLED_MS = 10_000;

const COPYING: Refusal = { wait: 1, cause: 'the account is being copied into its object' };

/** The object's next step. The object serves the account from `deleting` on. */
type Step = 'closing' | 'copying' | 'comparing' | 'noting' | 'deleting' | 'done';

type State = {
  readonly step: Step;
  /** 32 random hexadecimal digits. */
  readonly life: string;
  /** The time of arrival, as D1 will store it. */
  readonly at: string;
  readonly account: string;
  readonly place: Place;
  /** The tables and columns when the copy began, as JSON. */
  readonly schema: string;
  /** The progress within a step: the number of finished tables, and the key of the last row. */
  readonly table: number;
  readonly after: readonly SqlStorageValue[];
  readonly copied: number;
};

const STATE = 'arrival';

const OTHER_TABLES =
  'D1 has tables or columns of accounts that the object does not: deploy the version with their migration';

/** The account of a call, and the place where its object has to be. */
type Address = { readonly account: string; readonly place: Place };

/**
 * Creates the arrival of one object's account, which resumes from the state that the object has
 * stored.
 */
export function createArrival(storage: DurableObjectStorage, d1: D1Database) {
  const db = d1.withSession('first-primary');
  let state = storage.kv.get<State>(STATE);
  /** The running slice. All requests wait for the same slice. */
  let slice: Promise<Refusal | undefined> | undefined;
  if (state && state.step !== 'closing') storage.transactionSync(() => migrate(storage));
  if (state && isUnderWay(state)) void setMissingAlarm();
  const isCopying = state?.step === 'copying' || state?.step === 'comparing';
  if (state && isCopying && state.schema !== describeTables(storage.sql)) copyAgain(state);
  return { findRefusal, resume };

  /**
   * Sets an alarm if none is set. A due alarm starts the object. If the new start postponed the
   * alarm each time, an object that is evicted early would never resume.
   */
  async function setMissingAlarm(): Promise<void> {
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + STALLED_MS);
  }

  /**
   * Returns why the object does not serve the account now; undefined if it serves. Copies the
   * account first if necessary.
   */
  async function findRefusal(address: Address): Promise<Refusal | undefined> {
    if (!state || !hasArrived(state)) {
      const timeout = scheduler.wait(WAIT_MAX_MS).then(() => COPYING);
      const refusal = await Promise.race([runSlice(address), timeout]);
      if (refusal) return refusal;
    }
    return state && findPlaceRefusal(address, state.place);
  }

  /**
   * Resumes the work that is under way. Never rejects, because the platform gives up an alarm whose
   * handler rejects.
   */
  async function resume(): Promise<void> {
    if (state && isUnderWay(state)) await runSlice(state);
  }

  function runSlice(address: Address): Promise<Refusal | undefined> {
    slice ??= runSteps(address)
      .catch((thrown: unknown): Refusal => {
        const { account, place } = address;
        const cause = `the account cannot be copied from D1: ${messageOf(thrown)}`;
        console.error(JSON.stringify({ warning: 'account_not_copied', account, place, cause }));
        return { wait: 5, cause };
      })
      .finally(() => {
        slice = undefined;
      });
    return slice;
  }

  /**
   * Works for at most one slice. Stops when the account has arrived; after the arrival, stops when
   * D1 has no rows of the account.
   */
  async function runSteps(address: Address): Promise<Refusal | undefined> {
    let current = state ?? beginArrival(address);
    if (isUnderWay(current)) await storage.setAlarm(Date.now() + STALLED_MS);
    const started = Date.now();
    const goal = hasArrived(current) ? isUnderWay : (next: State) => !hasArrived(next);
    for (let calls = 0; goal(current); calls += 1) {
      if (calls === SLICE_MAX_CALLS || Date.now() - started > SLICE_MAX_MS) break;
      const refusal = await runStep(current, address);
      if (refusal) {
        await storage.deleteAlarm();
        return refusal;
      }
      current = state ?? current;
      // Without a pause, workerd may run the timers of waiting requests only after the slice.
      await scheduler.wait(0);
    }
    await (isUnderWay(current) ? storage.setAlarm(Date.now()) : storage.deleteAlarm());
    return hasArrived(current) ? undefined : COPYING;
  }

  function beginArrival({ account, place }: Address): State {
    const life = crypto.randomUUID().replaceAll('-', '');
    const at = new Date().toISOString();
    const progress = { schema: '', table: 0, after: [], copied: 0 };
    return saveState({ step: 'closing', life, at, account, place, ...progress });
  }

  /** Stores the next state, in one transaction with the change that leads to it. */
  function saveState(next: State, change: () => void = () => {}): State {
    storage.transactionSync(() => {
      change();
      storage.kv.put(STATE, next);
    });
    state = next;
    return next;
  }

  async function runStep(current: State, address: Address): Promise<Refusal | undefined> {
    switch (current.step) {
      case 'closing':
        return closeD1(current, address);
      case 'copying':
        return copyPage(current);
      case 'comparing':
        return comparePage(current);
      case 'noting':
        return confirmArrival(current);
      case 'deleting':
        return deletePage(current);
      case 'done':
        return undefined;
    }
  }

  /** Closes D1 for the account. */
  async function closeD1(
    current: State,
    { account, place }: Address,
  ): Promise<Refusal | undefined> {
    const { life, at } = current;
    const params = { account, place, life, arrived_at: at };
    const found = await askD1(prepare(db, closeAccount, params), params);
    if (found?.life !== life) {
      // The object has copied nothing. An object with an empty storage costs nothing.
      await storage.deleteAll();
      state = undefined;
    }
    const elsewhere = found && findPlaceRefusal({ account, place }, found.place);
    if (elsewhere) return elsewhere;
    if (found?.life !== life || (found.arrived_at ?? at) !== at) return refuseLostObject(account);
    const step = found.arrived_at === null ? 'copying' : 'done';
    storage.transactionSync(() => migrate(storage));
    saveState({ ...current, place, step, schema: describeTables(storage.sql) });
    if (step === 'copying') await storage.setAlarm(Date.now() + STALLED_MS);
    return undefined;
  }

  /** Runs a statement in D1, and returns the account's row of `account_object` after it. */
  async function askD1(statement: D1PreparedStatement, params: { readonly account: string }) {
    const row = prepare(db, readAccountObject, params);
    const [, found] = await awaitAnswer(
      db.batch<RowOf<typeof readAccountObject>>([statement, row]),
    );
    return found?.results[0];
  }

  async function copyPage(current: State): Promise<undefined> {
    const table = currentTable(current);
    const rows = await readPage(table, current);
    const next = stateAfterPage(current, table, rows, 'comparing');
    saveState({ ...next, copied: current.copied + rows.length }, () =>
      insertRows(storage.sql, table, rows),
    );
  }

  async function comparePage(current: State): Promise<undefined> {
    const table = currentTable(current);
    const rows = await readPage(table, current);
    const { sql, values } = writePageQuery(table, current);
    const copies = storage.sql.exec(sql, ...values).toArray();
    if (JSON.stringify(rows) === JSON.stringify(copies)) {
      saveState({
        ...stateAfterPage(current, table, rows, 'noting'),
        at: new Date().toISOString(),
      });
      return;
    }
    // Somebody has deleted rows in D1 without the API.
    copyAgain(current);
  }

  /** Empties the tables, which a migration may have changed, and begins the copy again. */
  function copyAgain(current: State): void {
    const schema = describeTables(storage.sql);
    saveState({ ...current, step: 'copying', schema, table: 0, after: [], copied: 0 }, () => {
      for (const { name } of readTables(storage.sql))
        runWithoutTriggers(storage.sql, name, () => storage.sql.exec(`DELETE FROM ${name}`));
    });
  }

  /** Records the arrival in D1, unless D1 has tables or columns that this version does not copy. */
  async function confirmArrival(current: State): Promise<Refusal | undefined> {
    const { account, life, at } = current;
    const params = { account, life, arrived_at: at };
    const columns = (await awaitAnswer(db.prepare(COLUMNS).all<Column>())).results;
    const isComplete = JSON.stringify(groupColumns(columns)) === current.schema;
    const statement = isComplete ? noteArrival : readAccountObject;
    const found = await askD1(prepare(db, statement, params), params);
    // If the response to an earlier attempt was lost, D1 has recorded the arrival already.
    if (!isComplete && found?.arrived_at === null) {
      if (describeTables(storage.sql) === current.schema) return { wait: 60, cause: OTHER_TABLES };
      copyAgain(current);
      return undefined;
    }
    if (found?.life !== life || found.arrived_at !== at) return refuseLostObject(account);
    saveState({ ...current, step: 'deleting', table: 0, after: [] });
    const { place, copied: rows } = current;
    // An operator who restores D1 needs this line to write the row of account_object again.
    console.log(JSON.stringify({ arrived: account, place, life, at, rows }));
    return undefined;
  }

  /** Deletes a page of the account's rows in D1. */
  async function deletePage(current: State): Promise<undefined> {
    const { name, key } = currentTable(current);
    const columns = ['account_id', ...key].join(', ');
    const deletion = db
      .prepare(
        `DELETE FROM ${name} WHERE (${columns}) IN (
          SELECT ${columns} FROM ${name} WHERE account_id = ?1 LIMIT ${PAGE_MAX_ROWS}
        ) AND EXISTS (
          SELECT 1 FROM account_object WHERE account_id = ?1 AND life = ?2 AND arrived_at = ?3
        )`,
      )
      .bind(current.account, current.life, current.at);
    const { meta } = await awaitAnswer(deletion.run());
    if (meta.changes > 0) return;
    const table = current.table + 1;
    const isLast = table === readTables(storage.sql).length;
    saveState({ ...current, table, step: isLast ? 'done' : 'deleting' });
  }

  function currentTable(current: State): Table {
    const table = readTables(storage.sql)[current.table];
    if (!table) throw new Error(`no table ${current.table} to copy`);
    return table;
  }

  /** Returns the state after a page: the next page, the next table, or the next step. */
  function stateAfterPage(current: State, table: Table, rows: readonly Row[], step: Step): State {
    const last = rows.at(-1);
    if (last && rows.length === choosePageSize(table))
      return { ...current, after: table.key.map((column) => last[column] ?? null) };
    const next = current.table + 1;
    return next < readTables(storage.sql).length
      ? { ...current, table: next, after: [] }
      : { ...current, step, table: 0, after: [] };
  }

  async function readPage(table: Table, current: State): Promise<Row[]> {
    const { sql, values } = writePageQuery(table, current);
    const page = db.prepare(sql).bind(...values);
    return (await awaitAnswer(page.all<Row>())).results;
  }
}

const hasArrived = ({ step }: State) => step === 'deleting' || step === 'done';
const isUnderWay = ({ step }: State) => step !== 'closing' && step !== 'done';

/** Applies the migrations that are new to the object. Migrations only add (drizzle/README.md). */
function migrate({ sql }: DurableObjectStorage): void {
  sql.exec('CREATE TABLE IF NOT EXISTS applied_migration (name TEXT PRIMARY KEY) STRICT');
  const applied = new Set(
    sql
      .exec<{ name: string }>('SELECT name FROM applied_migration')
      .toArray()
      .map(({ name }) => name),
  );
  for (const migration of MIGRATIONS) {
    if (applied.has(migration.name)) continue;
    sql.exec(migration.sql);
    sql.exec('INSERT INTO applied_migration VALUES (?)', migration.name);
  }
}

type Row = Readonly<Record<string, SqlStorageValue>>;

/** A table with rows of accounts. `key` is its primary key after `account_id`. */
type Table = {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
};

type Column = { readonly table: string; readonly column: string; readonly pk: number };

/**
 * Returns the columns of all tables. Evaluations come last, because a trigger deletes other rows
 * with an evaluation: these rows are gone by then.
 */
const COLUMNS = `
  SELECT t.name AS "table", c.name AS "column", c.pk
  FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
  WHERE t.type = 'table' AND t.name NOT GLOB '_cf*'
  ORDER BY t.name = 'run_evaluation', t.name, c.cid`;

const readTables = (sql: SqlStorage) => groupColumns(sql.exec<Column>(COLUMNS).toArray());
const describeTables = (sql: SqlStorage) => JSON.stringify(readTables(sql));

/**
 * Returns the tables that have an `account_id`. So a table that a later migration adds is copied
 * too.
 */
const groupColumns = (columns: readonly Column[]): Table[] =>
  [...Map.groupBy(columns, ({ table }) => table)]
    .filter(([name, own]) => name !== 'account_object' && own.some(isAccountColumn))
    .map(([name, own]) => ({
      name,
      key: own
        .filter((column) => column.pk > 0 && !isAccountColumn(column))
        .sort((one, other) => one.pk - other.pk)
        .map(({ column }) => column),
      columns: own.map(({ column }) => column),
    }));

const isAccountColumn = ({ column }: { readonly column: string }) => column === 'account_id';

/** Writes the statement that reads a page of a table, for D1 and for the object. */
function writePageQuery(table: Table, { account, after }: State) {
  const { name, key, columns } = table;
  const numbers = after.map((_, index) => `?${index + 2}`);
  const isAfter = after.length === 0 ? '' : `AND (${key}) > (${numbers})`;
  const sql = `SELECT ${columns} FROM ${name} WHERE account_id = ?1 ${isAfter} ORDER BY ${key} LIMIT ${choosePageSize(table)}`;
  return { sql, values: [account, ...after] };
}

/**
 * Inserts rows as they are, without triggers: the triggers ran when the rows were created in D1.
 */
export function insertRows(
  sql: SqlStorage,
  { name }: { readonly name: string },
  rows: readonly Row[],
) {
  runWithoutTriggers(sql, name, () => {
    for (const row of rows) {
      const columns = Object.keys(row);
      const values = columns.map(() => '?');
      sql.exec(`INSERT INTO ${name} (${columns}) VALUES (${values})`, ...Object.values(row));
    }
  });
}

/** Runs a change without the table's triggers. The caller must run this in a transaction. */
export function runWithoutTriggers(sql: SqlStorage, table: string, change: () => void): void {
  const triggers = sql
    .exec<{ name: string; sql: string }>(
      `SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?`,
      table,
    )
    .toArray();
  for (const { name } of triggers) sql.exec(`DROP TRIGGER ${name}`);
  change();
  for (const trigger of triggers) sql.exec(trigger.sql);
}

const findPlaceRefusal = ({ account, place }: Address, right: string): Refusal | undefined =>
  place === right
    ? undefined
    : {
        wait: 5,
        cause: `the account lives in another object: ACCOUNT_OBJECTS must have ${formatAccountObjectEntry(account, right)}`,
      };

const refuseLostObject = (account: string): Refusal => ({
  wait: 60,
  cause: `the object of ${account} was lost or set back: compare its row of account_object in D1`,
});
