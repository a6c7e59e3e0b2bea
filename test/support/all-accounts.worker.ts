/**
 * Runs the Worker for `npm run check:objects`. This command runs the tests with Durable Objects as
 * the database instead of D1. A deployed object contains the rows of one account. Here a single
 * object contains the rows of all accounts, because the tests also store and read rows with SQL
 * that names no account.
 */
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';

// biome-ignore lint/performance/noBarrelFile: a Worker must export its Durable Object classes.
export { AccountObject } from '../../src/db/account-object.ts';
export { default } from '../../src/index.ts';

/**
 * The results of a test's SQL statements, or an error. The object returns the error instead of
 * throwing it, because the platform logs each exception that an object throws.
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
   * Returns the reason why the object cannot serve a call yet, or undefined. A deployed object
   * first copies its account's rows and the shared labels from D1. The tests store all rows in this
   * object, so it must not copy rows from D1. Therefore this function names `EVERYONE`, an account
   * without rows in D1, as the account of each call.
   */
  protected override async findRefusal(_: ObjectCall) {
    return this.arrival.findRefusal(EVERYONE);
  }
}

const EVERYONE = { account: 'everyone', place: '' } as const;
