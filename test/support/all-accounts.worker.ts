/**
 * Runs the Worker for `npm run check:objects`, in which objects store all rows instead of D1. A
 * deployed object contains one account. Here a single object contains all accounts, because the
 * tests also store and read rows with SQL that names no account.
 */
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';

// biome-ignore lint/performance/noBarrelFile: the main module must export the class of each object.
export { AccountObject } from '../../src/db/account-object.ts';
export { default } from '../../src/index.ts';

/**
 * The results of a test's SQL statements, or an error. The object returns the error instead of
 * throwing it, because the platform would log an exception.
 */
export type Outcome = { results: Sql[]; error?: never } | { results?: never; error: string };
type Sql = { rows: Record<string, SqlStorageValue>[]; read: number; written: number };

export class AllAccounts extends AccountObject {
  /** Runs SQL statements of a test, in one transaction. */
  async execute(statements: readonly { sql: string; params: unknown[] }[]): Promise<Outcome> {
    await this.arrival.findRefusal(EVERYONE);
    try {
      return { results: this.ctx.storage.transactionSync(() => statements.map(this.#one)) };
    } catch (thrown) {
      return { error: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }

  #one = ({ sql, params }: { sql: string; params: unknown[] }): Sql => {
    const cursor = this.ctx.storage.sql.exec(sql, ...params);
    const rows = cursor.toArray();
    return { rows, read: cursor.rowsRead, written: cursor.rowsWritten };
  };

  /**
   * Before a call, a deployed object copies its account's rows and the shared labels from D1. This
   * object copies nothing, because the tests store all rows in it: `EVERYONE` is an account without
   * rows in D1.
   */
  protected override async findRefusal(_: ObjectCall) {
    return this.arrival.findRefusal(EVERYONE);
  }
}

const EVERYONE = { account: 'everyone', place: '' } as const;
