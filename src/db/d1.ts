/**
 * The store over D1. One batch, which is one transaction, runs the statements of a call (D1:
 * batch). The session's bookmark lets the caller's next request see the same state. Each batch also
 * checks whether the account lives in an object, because D1's rows of such an account are out of
 * date.
 */
import { systemClock, withTimeout } from '../clock.ts';
import { databaseUnavailable, messageOf } from '../failure.ts';
import { formatAccountObjectEntry } from '../settings.ts';
import { ANSWER_MAX_MS, type Call, type Params, type Rows, type Store } from './connection.ts';
import { readAccountObject } from './sql.generated.ts';
import { bindValues, type RowOf, type Statement } from './statement.ts';

/** The message of the triggers that refuse a write for an account that lives in an object. */
const LIVES_IN_OBJECT = 'the account lives in an object';
const RETRY_AFTER_SECONDS = 5;

/**
 * Returns D1's answer to a call that an account object makes. The timeout is needed because D1 may
 * never answer, and the object's next attempt waits for this answer.
 * @throws {Error} `did not answer within 5000 ms`
 */
export const awaitAnswer = <T>(call: Promise<T>): Promise<T> =>
  withTimeout(systemClock, ANSWER_MAX_MS, call);

/**
 * Prepares a statement for D1, with its parameters bound. Every parameter must have a value
 * (connection.ts).
 */
export const prepare = (
  db: D1Database | D1DatabaseSession,
  statement: Statement<never, unknown>,
  params: Params,
): D1PreparedStatement => db.prepare(statement.sql).bind(...bindValues(statement, params));

/**
 * Creates the store of one request. Calls throw {Failure} `database_unavailable` if the account
 * lives in an object.
 * @param from a bookmark; `first-primary` for a request that writes; or `first-unconstrained` for a
 * request that the nearest replica may answer.
 */
export function d1Store(db: D1Database, from: string): Store {
  const session = db.withSession(from);
  let answered = false;
  return {
    name: 'd1',
    // Until D1 has answered, the session's bookmark is only the bookmark from which the session
    // starts.
    bookmark: () => (answered ? session.getBookmark() : null),
    run,
  };

  async function run({ params, store, explain, read }: Call): Promise<Rows> {
    const statements = [store, explain, read].filter((statement) => statement !== undefined);
    const fence = typeof params['account'] === 'string' ? [readAccountObject] : [];
    const batch = [...statements, ...fence].map((statement) => prepare(session, statement, params));
    const results = await session.batch(batch).catch(async (thrown: unknown) => {
      // The whole batch failed, so another query reads the account's place.
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

/** Makes the failure for an account that lives in an object. The log names the missing setting. */
const refuseLeftAccount = ({ account }: Params, { place }: RowOf<typeof readAccountObject>) =>
  databaseUnavailable(
    RETRY_AFTER_SECONDS,
    `${LIVES_IN_OBJECT}: ACCOUNT_OBJECTS must have ${formatAccountObjectEntry(String(account), place)}`,
  );
