/**
 * The store over D1. One batch, which is one transaction, runs the statements of a call (D1:
 * batch). The session's bookmark lets the caller's next request see the same state. D1's rows of an
 * account that lives in an object are out of date: triggers refuse its writes, and each read returns
 * a row that says so (query.ts, accountQuery).
 */
import { systemClock, withTimeout } from '../clock.ts';
import { databaseUnavailable, messageOf } from '../failure.ts';
import { formatAccountObjectEntry } from '../settings.ts';
import { ANSWER_MAX_MS, type Call, type Params, type Rows, type Store } from './connection.ts';
import { readAccountObject } from './sql.generated.ts';
import { bindValues, LIVES_IN_OBJECT, type Statement } from './statement.ts';

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
    const batch = statements.map((statement) => prepare(session, statement, params));
    const results = await session.batch<object>(batch).catch(async (thrown: unknown) => {
      if (!messageOf(thrown).includes(LIVES_IN_OBJECT)) throw thrown;
      // A trigger failed the whole batch, so another query reads the account's place.
      const rows = prepare(session, readAccountObject, params).all<{ place: string }>();
      throw refuseLeftAccount(params, (await rows).results[0]?.place ?? '');
    });
    answered = true;
    const place = results.map(findPlace).find((found) => found !== undefined);
    if (place !== undefined) throw refuseLeftAccount(params, place);
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

/** Returns the place of the account's object if the last row names it; otherwise undefined. */
function findPlace({ results }: D1Result<object>): string | undefined {
  const [first] = Object.values(results.at(-1) ?? {});
  return typeof first === 'string' && first.startsWith(LIVES_IN_OBJECT)
    ? first.slice(LIVES_IN_OBJECT.length)
    : undefined;
}

/** Makes the failure for an account that lives in an object. The log names the missing setting. */
const refuseLeftAccount = ({ account }: Params, place: string) =>
  databaseUnavailable(
    RETRY_AFTER_SECONDS,
    `${LIVES_IN_OBJECT}: ACCOUNT_OBJECTS must have ${formatAccountObjectEntry(String(account), place)}`,
  );
