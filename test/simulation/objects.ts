/**
 * The real account objects, each over a database of its own. An object can be killed at any moment:
 * it is then started again on what it has stored, and what it was doing is lost.
 */
import type { SQLInputValue } from 'node:sqlite';
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';
import { type Alter, createDatabase, type Database } from './database.ts';
import type { Calls, Network } from './network.ts';
import type { Timeline } from './timeline.ts';

/** What outlives an object, and the object while it lives. */
type Kept = {
  readonly database: Database;
  readonly values: Map<string, unknown>;
  alarm: { readonly at: number; readonly cancel: () => void } | undefined;
  instance: AccountObject | undefined;
};

export type Objects = ReturnType<typeof createObjects>;

/** @param d1 the binding of the objects themselves */
export function createObjects(timeline: Timeline, network: Network, d1: D1Database, alter: Alter) {
  const accounts = new Map<string, Kept>();
  return { namespace, kill, databaseOf: (account: string) => accounts.get(account)?.database };

  /** The binding of one request, whose calls are noted. */
  function namespace(calls: Calls): DurableObjectNamespace<AccountObject> {
    const getByName = (account: string) => ({
      run: (call: ObjectCall) => network.send(() => start(find(account)).run(call), calls),
    });
    return { getByName } as unknown as DurableObjectNamespace<AccountObject>;
  }

  function kill(account: string): void {
    const kept = accounts.get(account);
    if (kept) kept.instance = undefined;
  }

  function find(account: string): Kept {
    const known = accounts.get(account);
    if (known) return known;
    const database = createDatabase(timeline, alter);
    const kept: Kept = { database, values: new Map(), alarm: undefined, instance: undefined };
    accounts.set(account, kept);
    return kept;
  }

  function start(kept: Kept): AccountObject {
    if (kept.instance) return kept.instance;
    let instance: AccountObject | undefined;
    const requireAlive = () => {
      if (instance && kept.instance !== instance) throw new Error('the object was killed');
    };
    const state = { storage: createStorage(kept, requireAlive) } as unknown as DurableObjectState;
    instance = new AccountObject(state, { DB: d1 } as Env);
    kept.instance = instance;
    return instance;
  }

  /** The part of an object's storage that the Worker uses. A killed object has no access to it. */
  function createStorage(kept: Kept, requireAlive: () => void): object {
    const { database, values } = kept;
    const guarded =
      <A extends readonly unknown[], T>(work: (...args: A) => T) =>
      (...args: A): T => {
        requireAlive();
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
        void start(kept).alarm();
      };
      kept.alarm = { at, cancel: timeline.after(at - timeline.now(), ring) };
    };
    return {
      kv: {
        get: guarded((key: string) => values.get(key)),
        put: guarded((key: string, value: unknown) => values.set(key, value)),
      },
      sql: { exec: guarded(exec) },
      transactionSync: guarded(database.transaction),
      getAlarm: guarded(async () => kept.alarm?.at ?? null),
      setAlarm: guarded(setAlarm),
      deleteAlarm: guarded(cancelAlarm),
      deleteAll: guarded(async () => {
        values.clear();
        database.erase();
      }),
    };

    /** A text with a semicolon has several statements or a trigger, and neither returns rows. */
    function exec(sql: string, ...bindings: SQLInputValue[]): object {
      const rows = sql.includes(';') ? [] : database.all(sql, ...bindings);
      if (sql.includes(';')) database.exec(sql);
      return { toArray: () => rows, rowsRead: 0, rowsWritten: 0 };
    }
  }
}
