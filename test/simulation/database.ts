/** A SQLite database with the real tables and triggers, whose clock is the timeline. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Timeline } from './timeline.ts';

export type Row = Record<string, null | number | string>;

/** The value and the author of a row, and what followed it, as JSON. */
const HISTORY = `(
  SELECT json_group_array(json_array(value, updated_by, updated_at, replaced_by, replaced_at)
    ORDER BY replaced_at)
  FROM run_evaluation_history AS h WHERE h.account_id = e.account_id AND h.evaluation_id = e.id
)`;
const STATE = `e.account_id, e.id, e.created_at, coalesce(e.created_by, '') AS created_by, e.value,
  e.updated_by, e.updated_at, ${HISTORY} AS history`;

/** An evaluation with its history, as it stands or as it was when it was deleted. */
export type Stored = {
  readonly account_id: string;
  readonly id: string;
  readonly created_at: string;
  readonly created_by: string;
  readonly value: number;
  readonly updated_by: string | null;
  readonly updated_at: string | null;
  readonly history: string;
  /** The name and the time of the deletion; null while the evaluation stands. */
  readonly write_id: string | null;
  readonly deleted_at: string | null;
};

/**
 * Keeps each evaluation as it was when it was deleted. The temporary trigger belongs to the
 * simulation's connection alone. An object that copies a note has no evaluation yet.
 */
const WATCH = `
  CREATE TEMP TABLE deleted AS
    SELECT ${STATE}, '' AS write_id, '' AS deleted_at FROM run_evaluation AS e LIMIT 0;
  CREATE TEMP TRIGGER watch BEFORE INSERT ON deleted_evaluation BEGIN
    INSERT INTO deleted SELECT ${STATE}, NEW.write_id, NEW.deleted_at FROM run_evaluation AS e
    WHERE e.account_id = NEW.account_id AND e.id = NEW.evaluation_id;
  END`;
const READ_ALL = `SELECT * FROM (SELECT * FROM deleted ORDER BY rowid)
  UNION ALL SELECT ${STATE}, NULL, NULL FROM run_evaluation AS e`;

/** Changes a text of SQL, to plant a fault (faults.ts). */
export type Alter = (sql: string) => string;

export type Database = ReturnType<typeof createDatabase>;

export function createDatabase(timeline: Timeline, alter: Alter) {
  let sqlite = open();
  let prepared = new Map<string, StatementSync>();
  return { exec, all, change, transaction, erase, readAll: () => all(READ_ALL) as Stored[] };

  function open(): DatabaseSync {
    const opened = new DatabaseSync(':memory:');
    opened.function('simulated_now', () => new Date(timeline.now()).toISOString());
    return opened;
  }

  /** SQLite's own clock would be the real time. */
  function write(sql: string): string {
    return alter(sql).replaceAll("'now'", 'simulated_now()');
  }

  /** Runs any number of statements. */
  function exec(sql: string): void {
    sqlite.exec(write(sql));
    if (sql.includes('CREATE TABLE deleted_evaluation')) sqlite.exec(WATCH);
  }

  function prepare(sql: string): StatementSync {
    const known = prepared.get(sql);
    if (known) return known;
    const statement = sqlite.prepare(write(sql));
    prepared.set(sql, statement);
    return statement;
  }

  function all(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return prepare(sql).all(...values) as Row[];
  }

  /** Returns the number of changed rows. */
  function change(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(prepare(sql).run(...values).changes);
  }

  function transaction<T>(work: () => T): T {
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

  /** Deletes everything, the tables too. */
  function erase(): void {
    sqlite.close();
    sqlite = open();
    prepared = new Map();
  }
}
