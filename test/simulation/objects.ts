/**
 * Simulates Durable Objects with the Worker's class `AccountObject`. Each object has its own
 * database. A killed object loses unfinished work but keeps stored data.
 */
import type { SQLInputValue } from 'node:sqlite';
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';
import { type Alteration, createDatabase, type Database } from './database.ts';
import type { Calls, Network } from './network.ts';
import type { Timeline } from './timeline.ts';

/** The object of one account. `killObject` clears only `instance`. */
type StoredObject = {
  readonly database: Database;
  readonly values: Map<string, unknown>;
  alarm: { readonly at: number; readonly cancel: () => void } | undefined;
  instance: AccountObject | undefined;
};

export type Objects = ReturnType<typeof createObjects>;

export function createObjects(
  timeline: Timeline,
  network: Network,
  d1: D1Database,
  alterSql: Alteration,
) {
  const accounts = new Map<string, StoredObject>();
  return { createNamespace, killObject, findDatabase, closeDatabases };

  function closeDatabases(): void {
    for (const { database } of accounts.values()) database.close();
  }

  function findDatabase(account: string): Database | undefined {
    return accounts.get(account)?.database;
  }

  function createNamespace(calls: Calls): DurableObjectNamespace<AccountObject> {
    const getByName = (account: string) => ({
      run: (call: ObjectCall) =>
        network.sendCall(() => startObject(openObject(account)).run(call), calls),
    });
    return { getByName } as unknown as DurableObjectNamespace<AccountObject>;
  }

  function killObject(account: string): void {
    const kept = accounts.get(account);
    if (kept) kept.instance = undefined;
  }

  function openObject(account: string): StoredObject {
    const known = accounts.get(account);
    if (known) return known;
    const database = createDatabase(timeline, alterSql);
    const kept: StoredObject = {
      database,
      values: new Map(),
      alarm: undefined,
      instance: undefined,
    };
    accounts.set(account, kept);
    return kept;
  }

  function startObject(kept: StoredObject): AccountObject {
    if (kept.instance) return kept.instance;
    let instance: AccountObject | undefined;
    const throwIfKilled = () => {
      if (instance && kept.instance !== instance) throw new Error('the object was killed');
    };
    const state = { storage: createStorage(kept, throwIfKilled) } as unknown as DurableObjectState;
    instance = new AccountObject(state, { DB: d1 } as Env);
    kept.instance = instance;
    return instance;
  }

  /** Creates the storage of one instance. After the instance is killed, every method throws. */
  function createStorage(kept: StoredObject, throwIfKilled: () => void): object {
    const { database, values } = kept;
    const guard =
      <A extends readonly unknown[], T>(work: (...args: A) => T) =>
      (...args: A): T => {
        throwIfKilled();
        return work(...args);
      };
    const cancelAlarm = async () => {
      kept.alarm?.cancel();
      kept.alarm = undefined;
    };
    const setAlarm = async (at: number) => {
      await cancelAlarm();
      const ring = () => {
        kept.alarm = undefined;
        void startObject(kept).alarm();
      };
      kept.alarm = { at, cancel: timeline.after(at - timeline.now(), ring) };
    };
    return {
      kv: {
        get: guard((key: string) => values.get(key)),
        put: guard((key: string, value: unknown) => values.set(key, value)),
      },
      sql: { exec: guard(executeSql) },
      transactionSync: guard(database.runTransaction),
      getAlarm: guard(async () => kept.alarm?.at ?? null),
      setAlarm: guard(setAlarm),
      deleteAlarm: guard(cancelAlarm),
      deleteAll: guard(async () => {
        values.clear();
        database.erase();
      }),
    };

    /** A text with a semicolon is several statements or a trigger, and returns no rows. */
    function executeSql(sql: string, ...bindings: SQLInputValue[]): object {
      const rows = sql.includes(';') ? [] : database.readRows(sql, ...bindings);
      if (sql.includes(';')) database.executeSql(sql);
      return { toArray: () => rows, rowsRead: 0, rowsWritten: 0 };
    }
  }
}
