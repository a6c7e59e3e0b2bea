/**
 * The Worker for `npm run check:objects`, with one object that has the rows of all accounts. The
 * tests store and read rows past the API, without naming an account, so they need one place.
 */
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';

// biome-ignore lint/performance/noBarrelFile: Workers find the class of an object in the main module.
export { AccountObject } from '../../src/db/account-object.ts';
export { default } from '../../src/index.ts';

/** Statements of a test. An error is returned, because the platform logs an exception. */
export type Outcome = { results: Sql[]; error?: never } | { results?: never; error: string };
type Sql = { rows: Record<string, SqlStorageValue>[]; read: number; written: number };

export class AllAccounts extends AccountObject {
  /** Runs what a test sends past the API, in one transaction. */
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

  /** The object has arrived for all accounts, and has the shared labels itself. */
  protected override async findRefusal(_: ObjectCall) {
    return this.arrival.findRefusal(EVERYONE);
  }
}

const EVERYONE = { account: 'everyone', place: '' } as const;
