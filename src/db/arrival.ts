/**
 * Moves an account from D1 into its Durable Object, in the order of the type `Step`. D1 and the
 * object both store a random id (`life`) and the time of arrival. If the object was lost or
 * restored, its values differ from D1, and the object refuses to serve.
 */
import { collectMessages } from '../failure.ts';
import { LABEL_PAGE_MAX_ROWS } from '../limits.ts';
import { formatAccountObjectEntry, type Place } from '../settings.ts';
import type { Refusal } from './account-object.ts';
import { awaitAnswer, prepare } from './d1.ts';
import { MIGRATIONS } from './migrations.generated.ts';
import { closeAccount, noteArrival, readAccountObject } from './sql.generated.ts';
import type { RowOf } from './statement.ts';

/**
 * The most rows on a page of the copy. An object has 128 MB of memory (Durable Objects: Limits).
 */
const COPY_PAGE_MAX_ROWS = 500;
const choosePageSize = ({ name }: { readonly name: string }) =>
  name === 'evaluation_label' ? LABEL_PAGE_MAX_ROWS : COPY_PAGE_MAX_ROWS;
/** The copy runs in slices. D1 allows 50 queries per invocation on the Free plan (D1: Limits). */
const SLICE_MAX_STEPS = 40;
const SLICE_MAX_MS = 5000;
/** A request waits at most this long for the slice that runs now. */
const WAIT_MAX_MS = 300;
/** An alarm continues the copy after this time if the platform has killed the object. */
const RESUME_AFTER_MS = 10_000;

const COPYING: Refusal = { wait: 1, cause: 'the account is being copied into its object' };

/** The steps of the move. The object serves the account from `deleting` on. */
type Step = 'closing' | 'copying' | 'comparing' | 'noting' | 'deleting' | 'done';

type State = {
  readonly step: Step;
  readonly life: string;
  /** The time of arrival, which D1 stores as `arrived_at`. */
  readonly at: string;
  readonly account: string;
  readonly place: Place;
  /** The tables and columns of the object when the copy began, as JSON. */
  readonly schema: string;
  readonly table: number;
  /** The key of the last row that was read; empty at the beginning of a table. */
  readonly after: readonly SqlStorageValue[];
  readonly copied: number;
};

const STATE = 'arrival';

const OTHER_TABLES =
  'D1 has tables or columns of accounts that the object does not: deploy the version with their migration';

type Address = { readonly account: string; readonly place: Place };

/**
 * Creates `findRefusal`, which the object calls before a request, and `resume`, which the alarm
 * calls.
 */
export function createArrival(storage: DurableObjectStorage, d1: D1Database) {
  const db = d1.withSession('first-primary');
  let state = storage.kv.get<State>(STATE);
  let slice: Promise<Refusal | undefined> | undefined;
  if (state && state.step !== 'closing') storage.transactionSync(() => migrate(storage));
  if (state && isUnderWay(state)) void setMissingAlarm();
  const isCopying = state?.step === 'copying' || state?.step === 'comparing';
  if (state && isCopying && state.schema !== describeTables(storage.sql)) copyAgain(state);
  return { findRefusal, resume };

  /**
   * Sets an alarm if none is set. If this function moved an existing alarm, an object that the
   * platform often evicts would never resume the move.
   */
  async function setMissingAlarm(): Promise<void> {
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + RESUME_AFTER_MS);
  }

  /** Returns why the object cannot serve the account now; undefined if the object can. */
  async function findRefusal(address: Address): Promise<Refusal | undefined> {
    if (!state || !hasArrived(state)) {
      const timeout = scheduler.wait(WAIT_MAX_MS).then(() => COPYING);
      const refusal = await Promise.race([runSlice(address), timeout]);
      if (refusal) return refusal;
    }
    return state && findPlaceRefusal(address, state.place);
  }

  /**
   * Never rejects, because the platform runs a rejected alarm again at most six times (Durable
   * Objects: Alarms).
   */
  async function resume(): Promise<void> {
    if (state && isUnderWay(state)) await runSlice(state);
  }

  function runSlice(address: Address): Promise<Refusal | undefined> {
    slice ??= runSteps(address)
      .catch((thrown: unknown): Refusal => {
        const { account, place } = address;
        const cause = `the account cannot be copied from D1: ${collectMessages(thrown)}`;
        console.error(JSON.stringify({ warning: 'account_not_copied', account, place, cause }));
        return { wait: 5, cause };
      })
      .finally(() => {
        slice = undefined;
      });
    return slice;
  }

  /**
   * Runs steps of the move until the slice reaches its limits. The slice also ends when the account
   * arrives, so that no request waits for the deletions in D1.
   */
  async function runSteps(address: Address): Promise<Refusal | undefined> {
    let current = state ?? beginArrival(address);
    if (isUnderWay(current)) await storage.setAlarm(Date.now() + RESUME_AFTER_MS);
    const started = Date.now();
    const mustContinue = hasArrived(current) ? isUnderWay : (next: State) => !hasArrived(next);
    for (let steps = 0; mustContinue(current); steps += 1) {
      if (steps === SLICE_MAX_STEPS || Date.now() - started > SLICE_MAX_MS) break;
      const refusal = await runStep(current, address);
      if (refusal) {
        await storage.deleteAlarm();
        return refusal;
      }
      current = state ?? current;
      // Lets the timers of waiting requests run. Without this pause, workerd may delay these timers
      // until the slice ends.
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

  async function closeD1(
    current: State,
    { account, place }: Address,
  ): Promise<Refusal | undefined> {
    const { life, at } = current;
    const params = { account, place, life, arrived_at: at };
    const found = await runInD1(prepare(db, closeAccount, params), params);
    if (found?.life !== life) {
      // This object has copied nothing, so it may delete its storage: an empty object costs
      // nothing.
      await storage.deleteAll();
      state = undefined;
    }
    const elsewhere = found && findPlaceRefusal({ account, place }, found.place);
    if (elsewhere) return elsewhere;
    if (found?.life !== life || (found.arrived_at ?? at) !== at) return refuseLostObject(account);
    const step = found.arrived_at === null ? 'copying' : 'done';
    storage.transactionSync(() => migrate(storage));
    saveState({ ...current, place, step, schema: describeTables(storage.sql) });
    if (step === 'copying') await storage.setAlarm(Date.now() + RESUME_AFTER_MS);
    return undefined;
  }

  /** Runs a statement in D1, then reads the row of `account_object` in the same transaction. */
  async function runInD1(statement: D1PreparedStatement, params: { readonly account: string }) {
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
    // The rows in D1 differ from the copy. D1 accepts only deletions now, so a console or a script
    // has deleted rows.
    copyAgain(current);
  }

  /**
   * Reads the schema again, because a migration may have changed the tables since the first copy.
   */
  function copyAgain(current: State): void {
    const schema = describeTables(storage.sql);
    saveState({ ...current, step: 'copying', schema, table: 0, after: [], copied: 0 }, () => {
      for (const { name } of readTables(storage.sql))
        runWithoutTriggers(storage.sql, name, () => storage.sql.exec(`DELETE FROM ${name}`));
    });
  }

  /** Records the arrival in D1, unless D1 has tables or columns that the object has not copied. */
  async function confirmArrival(current: State): Promise<Refusal | undefined> {
    const { account, life, at } = current;
    const params = { account, life, arrived_at: at };
    const columns = (await awaitAnswer(db.prepare(COLUMNS).all<Column>())).results;
    const isComplete = JSON.stringify(groupColumns(columns)) === current.schema;
    const statement = isComplete ? noteArrival : readAccountObject;
    const found = await runInD1(prepare(db, statement, params), params);
    // If `arrived_at` is set, an earlier attempt recorded the arrival, and its response was lost.
    if (!isComplete && found?.arrived_at === null) {
      if (describeTables(storage.sql) === current.schema) return { wait: 60, cause: OTHER_TABLES };
      copyAgain(current);
      return undefined;
    }
    if (found?.life !== life || found.arrived_at !== at) return refuseLostObject(account);
    saveState({ ...current, step: 'deleting', table: 0, after: [] });
    const { place, copied: rows } = current;
    // After a restore of D1, an operator inserts the row of account_object again from this log
    // line.
    console.log(JSON.stringify({ arrived: account, place, life, at, rows }));
    return undefined;
  }

  /**
   * Deletes a page of rows in D1, but only if the row of `account_object` names this object and its
   * arrival.
   */
  async function deletePage(current: State): Promise<undefined> {
    const { name, key } = currentTable(current);
    const columns = ['account_id', ...key].join(', ');
    const deletion = db
      .prepare(
        `DELETE FROM ${name} WHERE (${columns}) IN (
          SELECT ${columns} FROM ${name} WHERE account_id = ?1 LIMIT ${COPY_PAGE_MAX_ROWS}
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

  /** Returns the state after a page. After the last table, the state begins `step`. */
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

/** `key` has the columns of the primary key, except `account_id`. */
type Table = {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
};

type Column = { readonly table: string; readonly column: string; readonly pk: number };

/**
 * Lists the columns of all tables. `run_evaluation` comes last, so the history is deleted in pages
 * before a trigger could delete it.
 */
const COLUMNS = `
  SELECT t.name AS "table", c.name AS "column", c.pk
  FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
  WHERE t.type = 'table' AND t.name NOT GLOB '_cf*'
  ORDER BY t.name = 'run_evaluation', t.name, c.cid`;

const readTables = (sql: SqlStorage) => groupColumns(sql.exec<Column>(COLUMNS).toArray());
const describeTables = (sql: SqlStorage) => JSON.stringify(readTables(sql));

/**
 * Returns all tables that have an `account_id`, so the object also copies a table of a later
 * migration.
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

/**
 * Writes the SQL that reads a page. D1 and the object run the same SQL, so the rows can be
 * compared.
 */
function writePageQuery(table: Table, { account, after }: State) {
  const { name, key, columns } = table;
  const numbers = after.map((_, index) => `?${index + 2}`);
  const isAfter = after.length === 0 ? '' : `AND (${key}) > (${numbers})`;
  const sql = `SELECT ${columns} FROM ${name} WHERE account_id = ?1 ${isAfter} ORDER BY ${key} LIMIT ${choosePageSize(table)}`;
  return { sql, values: [account, ...after] };
}

/** Inserts rows without firing triggers, because the triggers ran when D1 stored the rows. */
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

/** Runs `change` while the table has no triggers. The caller must open a transaction. */
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
