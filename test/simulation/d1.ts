/** Simulates the part of D1 that the Worker calls (src/db/d1.ts). Each call is one transaction. */
import type { SQLInputValue } from 'node:sqlite';
import type { Database, Row } from './database.ts';
import type { Calls, Network } from './network.ts';

type BoundStatement = { readonly sql: string; readonly values: readonly SQLInputValue[] };

const META = { rows_read: 0, rows_written: 0 };

export function createD1(database: Database, network: Network, calls: Calls): D1Database {
  const session = {
    prepare: (sql: string) => createStatement(sql, []),
    batch: (statements: readonly BoundStatement[]) => sendWork(() => statements.map(runStatement)),
    getBookmark: () => 'bookmark',
  };
  return { ...session, withSession: () => session } as unknown as D1Database;

  function createStatement(sql: string, values: readonly SQLInputValue[]): object {
    const bound = { sql, values };
    return {
      ...bound,
      bind: (...bindings: SQLInputValue[]) => createStatement(sql, bindings),
      all: () => sendWork(() => runStatement(bound)),
      first: async () => (await sendWork(() => runStatement(bound))).results[0] ?? null,
      run: () => sendWork(() => ({ meta: { changes: database.changeRows(sql, ...values) } })),
    };
  }

  function sendWork<T>(work: () => T): Promise<T> {
    return network.sendCall(() => {
      try {
        return database.runTransaction(work);
      } catch (thrown) {
        throw new Error(`D1_ERROR: ${thrown instanceof Error ? thrown.message : thrown}`);
      }
    }, calls);
  }

  function runStatement({ sql, values }: BoundStatement): { results: Row[]; meta: object } {
    return { results: database.readRows(sql, ...values), meta: META };
  }
}
