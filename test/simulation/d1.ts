/** D1 as the Worker calls it (src/db/d1.ts): a batch is one transaction, behind a network. */
import type { SQLInputValue } from 'node:sqlite';
import type { Database, Row } from './database.ts';
import type { Calls, Network } from './network.ts';

type Bound = { readonly sql: string; readonly values: readonly SQLInputValue[] };

const META = { rows_read: 0, rows_written: 0 };

/** The binding of one request, whose calls are noted. */
export function createD1(database: Database, network: Network, calls: Calls): D1Database {
  const session = {
    prepare: (sql: string) => createStatement(sql, []),
    batch: (statements: readonly Bound[]) => send(() => statements.map(run)),
    getBookmark: () => 'bookmark',
  };
  // The Worker uses this part of D1, and no other.
  return { ...session, withSession: () => session } as unknown as D1Database;

  function createStatement(sql: string, values: readonly SQLInputValue[]): object {
    const bound = { sql, values };
    return {
      ...bound,
      bind: (...bindings: SQLInputValue[]) => createStatement(sql, bindings),
      all: () => send(() => run(bound)),
      first: async () => (await send(() => run(bound))).results[0] ?? null,
      run: () => send(() => ({ meta: { changes: database.change(sql, ...values) } })),
    };
  }

  function send<T>(work: () => T): Promise<T> {
    return network.send(() => {
      try {
        return database.transaction(work);
      } catch (thrown) {
        throw new Error(`D1_ERROR: ${thrown instanceof Error ? thrown.message : thrown}`);
      }
    }, calls);
  }

  function run({ sql, values }: Bound): { results: Row[]; meta: object } {
    return { results: database.all(sql, ...values), meta: META };
  }
}
