/**
 * Runs the statements of a request in D1. The statements of a call run in one batch, which is one
 * transaction (D1: batch). The session has a bookmark: if the caller's next request starts from it,
 * that request sees every change that this request saw or made.
 *
 * If an account lives in an object, D1 refuses its requests, because D1 may still have old rows of
 * the account:
 * - A write fails: a trigger refuses new and changed rows of the account.
 * - A read returns an additional row (query.ts, accountQuery). The row names the place of the
 *   object, which is a jurisdiction or a location hint.
 */
import { systemClock, withTimeout } from '../clock.ts';
import { databaseUnavailable, messageOf } from '../failure.ts';
import { formatAccountObjectEntry } from '../settings.ts';
import { ANSWER_MAX_MS, type Call, type Params, type Rows, type Store } from './connection.ts';
import { readAccountObject } from './sql.generated.ts';
import { bindValues, LIVES_IN_OBJECT, type Statement } from './statement.ts';

const RETRY_AFTER_SECONDS = 5;

/**
 * Waits at most ANSWER_MAX_MS for the result of a query that an account object sends to D1. D1 may
 * never answer. Without this timeout, the object would wait forever and never try again.
 * @throws {Error} `did not answer within 5000 ms`
 */
export const awaitAnswer = <T>(call: Promise<T>): Promise<T> =>
  withTimeout(systemClock, ANSWER_MAX_MS, call);

/**
 * Prepares a statement for D1 and binds its parameters. `params` must have a value for every
 * parameter. connection.ts checks the values of the statements that a request runs.
 */
export const prepare = (
  db: D1Database | D1DatabaseSession,
  statement: Statement<never, unknown>,
  params: Params,
): D1PreparedStatement => db.prepare(statement.sql).bind(...bindValues(statement, params));

/**
 * Creates the store of one request. Calls throw {Failure} `database_unavailable` if the account
 * lives in an object.
 * @param from a bookmark; or `first-primary` for a request that writes; or `first-unconstrained`
 * for a request that the nearest replica may answer.
 */
export function d1Store(db: D1Database, from: string): Store {
  const session = db.withSession(from);
  let answered = false;
  return {
    name: 'd1',
    // Before D1 has answered, the session has no new bookmark, only the text with which it was
    // opened.
    bookmark: () => (answered ? session.getBookmark() : null),
    run,
  };

  async function run({ params, store, explain, read }: Call): Promise<Rows> {
    const statements = [store, explain, read].filter((statement) => statement !== undefined);
    const batch = statements.map((statement) => prepare(session, statement, params));
    const results = await session.batch<object>(batch).catch(async (thrown: unknown) => {
      if (!messageOf(thrown).includes(LIVES_IN_OBJECT)) throw thrown;
      // A trigger has refused the batch. The error does not name the place of the object, so a
      // second query reads the place.
      const rows = prepare(session, readAccountObject, params).all<{ place: string }>();
      throw refuseMovedAccount(params, (await rows).results[0]?.place ?? '');
    });
    answered = true;
    const place = results.map(findPlace).find((found) => found !== undefined);
    if (place !== undefined) throw refuseMovedAccount(params, place);
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

/**
 * Returns the place of the object if the account lives in an object: then the last row is the row
 * that accountQuery (query.ts) adds. Otherwise returns undefined.
 */
function findPlace({ results }: D1Result<object>): string | undefined {
  const [first] = Object.values(results.at(-1) ?? {});
  return typeof first === 'string' && first.startsWith(LIVES_IN_OBJECT)
    ? first.slice(LIVES_IN_OBJECT.length)
    : undefined;
}

/**
 * Returns the failure for an account that lives in an object. The message is for the log, and
 * contains the entry that ACCOUNT_OBJECTS should have.
 */
const refuseMovedAccount = ({ account }: Params, place: string) =>
  databaseUnavailable(
    RETRY_AFTER_SECONDS,
    `${LIVES_IN_OBJECT}: ACCOUNT_OBJECTS must have ${formatAccountObjectEntry(String(account), place)}`,
  );
