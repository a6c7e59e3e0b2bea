/**
 * Runs the Worker for `npm run check:objects`: one object contains the rows of all accounts. The
 * tests store and read rows past the API, without naming an account, so they need a single place.
 */
import { AccountObject, type ObjectCall } from '../../src/db/account-object.ts';

// biome-ignore lint/performance/noBarrelFile: Workers find the class of an object in the main module.
export { AccountObject } from '../../src/db/account-object.ts';
export { default } from '../../src/index.ts';

/**
 * The result of a test's statements. The object returns an error instead of throwing it, because
 * the platform logs an exception.
 */
export type Outcome = { results: Sql[]; error?: never } | { results?: never; error: string };
type Sql = { rows: Record<string, SqlStorageValue>[]; read: number; written: number };

export class AllAccounts extends AccountObject {
  /** Runs the statements that a test sends past the API, in one transaction. */
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

  /** This object needs no arrival for any account, and contains the shared labels itself. */
  protected override async findRefusal(_: ObjectCall) {
    return this.arrival.findRefusal(EVERYONE);
  }
}

const EVERYONE = { account: 'everyone', place: '' } as const;
