/**
 * Runs the Worker for `npm run check:objects`. One Durable Object stores all accounts, because the
 * SQL of many tests names no account.
 */
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';

// biome-ignore lint/performance/noBarrelFile: a Worker must export its Durable Object classes.
export { AccountObject } from '../../src/db/account-object.ts';
export { default } from '../../src/index.ts';

/**
 * The result of each statement, or an error message. The object does not throw, because the
 * platform would log the exception.
 */
export type Outcome = { results: Sql[]; error?: never } | { results?: never; error: string };
type Sql = { rows: Record<string, SqlStorageValue>[]; read: number; written: number };

export class AllAccounts extends AccountObject {
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

  /** Uses an account without rows in D1, so that the object copies no rows from D1. */
  protected override async findRefusal(_: ObjectCall) {
    return this.arrival.findRefusal(EVERYONE);
  }
}

const EVERYONE = { account: 'everyone', place: '' } as const;
