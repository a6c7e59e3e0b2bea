/** Simulates a database with SQLite in memory. In SQL, the current time is the simulated time. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Timeline } from './timeline.ts';

export type Row = Record<string, null | number | string>;

const HISTORY = `(
  SELECT json_group_array(json_array(value, updated_by, updated_at, replaced_by, replaced_at)
    ORDER BY replaced_at)
  FROM run_evaluation_history AS h WHERE h.account_id = e.account_id AND h.evaluation_id = e.id
)`;
const STATE = `e.account_id, e.id, e.created_at, coalesce(e.created_by, '') AS created_by, e.value,
  e.updated_by, e.updated_at, ${HISTORY} AS history`;

/** An evaluation as it was just before its deletion, or at the end of the run. */
export type Stored = {
  readonly account_id: string;
  readonly id: string;
  readonly created_at: string;
  readonly created_by: string;
  readonly value: number;
  readonly updated_by: string | null;
  readonly updated_at: string | null;
  readonly history: string;
  /** The write that deleted the evaluation; null if the evaluation still exists. */
  readonly write_id: string | null;
  readonly deleted_at: string | null;
};

/**
 * Copies each evaluation just before its deletion. The Worker deletes an evaluation by inserting a
 * row into `deleted_evaluation`.
 */
const COPY_BEFORE_DELETION = `
  CREATE TEMP TABLE deleted AS
    SELECT ${STATE}, '' AS write_id, '' AS deleted_at FROM run_evaluation AS e LIMIT 0;
  CREATE TEMP TRIGGER watch BEFORE INSERT ON deleted_evaluation BEGIN
    INSERT INTO deleted SELECT ${STATE}, NEW.write_id, NEW.deleted_at FROM run_evaluation AS e
    WHERE e.account_id = NEW.account_id AND e.id = NEW.evaluation_id;
  END`;
const READ_ALL = `SELECT * FROM (SELECT * FROM deleted ORDER BY rowid)
  UNION ALL SELECT ${STATE}, NULL, NULL FROM run_evaluation AS e`;

/** Changes a SQL statement, to plant a fault (faults.ts). */
export type Alteration = (sql: string) => string;

export type Database = ReturnType<typeof createDatabase>;

export function createDatabase(timeline: Timeline, alterSql: Alteration) {
  let sqlite = open();
  let prepared = new Map<string, StatementSync>();
  return { executeSql, readRows, changeRows, runTransaction, erase, readStored, close };

  function open(): DatabaseSync {
    const opened = new DatabaseSync(':memory:');
    opened.function('simulated_now', () => new Date(timeline.now()).toISOString());
    return opened;
  }

  function adaptSql(sql: string): string {
    return alterSql(sql).replaceAll("'now'", 'simulated_now()');
  }

  function executeSql(sql: string): void {
    sqlite.exec(adaptSql(sql));
    if (sql.includes('CREATE TABLE deleted_evaluation')) sqlite.exec(COPY_BEFORE_DELETION);
  }

  function prepare(sql: string): StatementSync {
    const known = prepared.get(sql);
    if (known) return known;
    const statement = sqlite.prepare(adaptSql(sql));
    prepared.set(sql, statement);
    return statement;
  }

  function readRows(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return prepare(sql).all(...values) as Row[];
  }

  function changeRows(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(prepare(sql).run(...values).changes);
  }

  function runTransaction<T>(work: () => T): T {
    prepare('BEGIN').run();
    try {
      const result = work();
      prepare('COMMIT').run();
      return result;
    } catch (thrown) {
      prepare('ROLLBACK').run();
      throw thrown;
    }
  }

  /** Returns the deleted evaluations in order of deletion, then the existing evaluations. */
  function readStored(): Stored[] {
    return readRows(READ_ALL) as Stored[];
  }

  /** Frees the memory of SQLite, because Node's garbage collector does not count that memory. */
  function close(): void {
    sqlite.close();
  }

  /** Deletes everything, including the tables. */
  function erase(): void {
    close();
    sqlite = open();
    prepared = new Map();
  }
}
