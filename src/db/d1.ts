/**
 * The store over D1. The statements of a call go in one batch, which is one transaction (D1: batch).
 * The session's bookmark lets the caller's next request see what this one saw. Each batch also asks
 * whether the account lives in an object: what D1 still has of such an account is out of date.
 */
import { systemClock, withTimeout } from '../clock.ts';
import { databaseUnavailable, messageOf } from '../failure.ts';
import { formatAccountObjectEntry } from '../settings.ts';
import { ANSWER_MAX_MS, type Call, type Params, type Rows, type Store } from './connection.ts';
import { readAccountObject } from './sql.generated.ts';
import { bindValues, type RowOf, type Statement } from './statement.ts';

/** The message of the triggers that refuse a write for such an account. */
const LIVES_IN_OBJECT = 'the account lives in an object';
const RETRY_AFTER_SECONDS = 5;

/**
 * Returns the answer to a call that an account object makes. D1 may never answer, and the object's
 * next attempt waits for this one.
 * @throws {Error} `did not answer within 5000 ms`
 */
export const awaitAnswer = <T>(call: Promise<T>): Promise<T> =>
  withTimeout(systemClock, ANSWER_MAX_MS, call);

/** Prepares a statement for D1. Every parameter must have a value (connection.ts). */
export const prepare = (
  db: D1Database | D1DatabaseSession,
  statement: Statement<never, unknown>,
  params: Params,
): D1PreparedStatement => db.prepare(statement.sql).bind(...bindValues(statement, params));

/**
 * @param from a bookmark; `first-primary` for a request that writes; or `first-unconstrained` for a
 * request that the nearest replica may answer.
 */
export function d1Store(db: D1Database, from: string): Store {
  const session = db.withSession(from);
  let answered = false;
  return {
    name: 'd1',
    // Until D1 has answered, a session's bookmark is only the one that it was asked to start from.
    bookmark: () => (answered ? session.getBookmark() : null),
    run,
  };

  async function run({ params, store, explain, read }: Call): Promise<Rows> {
    const statements = [store, explain, read].filter((statement) => statement !== undefined);
    const fence = typeof params['account'] === 'string' ? [readAccountObject] : [];
    const batch = [...statements, ...fence].map((statement) => prepare(session, statement, params));
    const results = await session.batch(batch).catch(async (thrown: unknown) => {
      // The batch failed as a whole, so the place is asked for alone.
      if (messageOf(thrown).includes(LIVES_IN_OBJECT))
        return [await prepare(session, readAccountObject, params).all()];
      throw thrown;
    });
    answered = true;
    const [object] = fence.length > 0 ? (results.pop()?.results ?? []) : [];
    if (object) throw refuseLeftAccount(params, object as RowOf<typeof readAccountObject>);
    const readRows = (statement: Statement<never, unknown> | undefined) =>
      statement === undefined ? [] : (results[statements.indexOf(statement)]?.results ?? []);
    const sum = (name: 'rows_read' | 'rows_written') =>
      results.reduce((total, { meta }) => total + meta[name], 0);
    return {
      store: readRows(store),
      explain: readRows(explain),
      read: readRows(read),
      rows_read: sum('rows_read'),
      rows_written: sum('rows_written'),
    };
  }
}

/** Refuses to serve an account from D1 that an object has. The log says which setting is missing. */
const refuseLeftAccount = ({ account }: Params, { place }: RowOf<typeof readAccountObject>) =>
  databaseUnavailable(
    RETRY_AFTER_SECONDS,
    `${LIVES_IN_OBJECT}: ACCOUNT_OBJECTS must have ${formatAccountObjectEntry(String(account), place)}`,
  );
