/**
 * Makes the database for `npm run check:objects`. It works like D1, but one Durable Object stores
 * all accounts (all-accounts.worker.ts).
 */
import type { AccountObject, ObjectCall } from '../../src/db/account-object.ts';
import type { AllAccounts } from './all-accounts.worker.ts';

type Statement =
  | { readonly sql: string; readonly params: unknown[] }
  | { readonly call: ObjectCall };

/**
 * Makes a database. SQL about the table `d1_migrations` goes to D1, all other SQL to the object.
 */
export function createObjectDatabase(
  namespace: DurableObjectNamespace<AllAccounts>,
  d1: D1Database,
) {
  const send = async (statements: readonly Statement[]) => {
    const stub = namespace.getByName('all');
    const [first] = statements;
    if (first && 'call' in first) return buildResults(first.call, await stub.run(first.call));
    if (first?.sql.includes('d1_migrations')) return d1.batch([d1.prepare(first.sql)]);
    const sql = statements.flatMap((statement) => ('sql' in statement ? [statement] : []));
    const { results, error } = await stub.execute(sql);
    if (error !== undefined) throw new Error(`D1_ERROR: ${error}`);
    return results.map(({ rows, read, written }) => buildResult(rows, read, written));
  };
  const prepare = (sql: string, params: unknown[] = []): D1PreparedStatement => {
    const statement = { sql, params };
    const all = async () => (await send([statement]))[0];
    const first = async (column?: string) => {
      const row = (await all())?.results[0] ?? null;
      return row && column !== undefined ? Reflect.get(row, column) : row;
    };
    return {
      ...statement,
      bind: (...values: unknown[]) => prepare(sql, values),
      all,
      run: all,
      first,
    } as never;
  };
  const db = {
    prepare,
    batch: (statements: readonly Statement[]) => send(statements),
    exec: (sql: string) => send([{ sql, params: [] }]),
  };
  return { ...db, withSession: () => ({ ...db, getBookmark: () => null }) } as never;
}

const buildResult = (results: readonly object[], rows_read: number, rows_written: number) => ({
  results,
  success: true,
  meta: { rows_read, rows_written, changes: rows_written },
});

type Answer = Awaited<ReturnType<AccountObject['run']>>;

/** Converts the answer of an object to the results that D1 returns. */
function buildResults(call: ObjectCall, { rows, refusal, fault }: Answer) {
  if (!rows) throw new Error(refusal?.cause ?? fault);
  const parts = (['store', 'explain', 'read'] as const).filter((part) => call[part]);
  return parts.map((part, index) =>
    buildResult(rows[part], index ? 0 : rows.rows_read, index ? 0 : rows.rows_written),
  );
}

/** Makes objects that send each call to `db`, where a test can make the call fail. */
export const createNamespace = (db: D1Database): DurableObjectNamespace<AccountObject> =>
  ({
    getByName: () => ({
      run: async (call: ObjectCall): Promise<Answer> => {
        const results = await db.batch([{ call }] as never);
        const parts = (['store', 'explain', 'read'] as const).filter((part) => call[part]);
        const listRows = (part: 'store' | 'explain' | 'read') =>
          results[parts.indexOf(part)]?.results ?? [];
        const { rows_read = 0, rows_written = 0 } = results[0]?.meta ?? {};
        const rows = {
          store: listRows('store'),
          explain: listRows('explain'),
          read: listRows('read'),
        };
        return { rows: { ...rows, rows_read, rows_written } } as Answer;
      },
    }),
  }) as never;
