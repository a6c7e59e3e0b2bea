/**
 * Runs the statements of a call in D1, in one transaction (D1: batch). If the account lives in an
 * object, a trigger refuses its writes, and a read returns one more row (query.ts, accountQuery).
 */
import { systemClock, withTimeout } from '../clock.ts';
import { collectMessages, databaseUnavailable } from '../failure.ts';
import { formatAccountObjectEntry } from '../settings.ts';
import { ANSWER_MAX_MS, type Call, type Params, type Rows, type Store } from './connection.ts';
import { readAccountObject } from './sql.generated.ts';
import { bindValues, LIVES_IN_OBJECT, type Statement } from './statement.ts';

const RETRY_AFTER_SECONDS = 5;

/**
 * Waits at most ANSWER_MAX_MS for D1, which may never answer.
 * @throws {Error} `did not answer within 5000 ms`
 */
export const awaitAnswer = <T>(call: Promise<T>): Promise<T> =>
  withTimeout(systemClock, ANSWER_MAX_MS, call);

/** Prepares a statement for D1 and binds its parameters. */
export const prepare = (
  db: D1Database | D1DatabaseSession,
  statement: Statement<never, unknown>,
  params: Params,
): D1PreparedStatement => db.prepare(statement.sql).bind(...bindValues(statement, params));

/**
 * Creates the store of one request. Calls throw {Failure} `database_unavailable` if the account
 * lives in an object.
 * @param from a bookmark; `first-primary` for a write; `first-unconstrained` if a replica may
 * answer
 */
export function d1Store(db: D1Database, from: string): Store {
  const session = db.withSession(from);
  let answered = false;
  return {
    name: 'd1',
    // Before D1 has answered, the session returns only the text with which it was opened.
    bookmark: () => (answered ? session.getBookmark() : null),
    run,
  };

  async function run({ params, store, explain, read }: Call): Promise<Rows> {
    const statements = [store, explain, read].filter((statement) => statement !== undefined);
    const batch = statements.map((statement) => prepare(session, statement, params));
    const results = await session.batch<object>(batch).catch(async (thrown: unknown) => {
      if (!collectMessages(thrown).includes(LIVES_IN_OBJECT)) throw thrown;
      // The error of the trigger does not contain the place, so a second query reads the place.
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
 * Returns the place of the account's object; undefined if the account lives in D1. The place is in
 * the row that accountQuery (query.ts) adds.
 */
function findPlace({ results }: D1Result<object>): string | undefined {
  const [first] = Object.values(results.at(-1) ?? {});
  return typeof first === 'string' && first.startsWith(LIVES_IN_OBJECT)
    ? first.slice(LIVES_IN_OBJECT.length)
    : undefined;
}

const refuseMovedAccount = ({ account }: Params, place: string) =>
  databaseUnavailable(
    RETRY_AFTER_SECONDS,
    `${LIVES_IN_OBJECT}: ACCOUNT_OBJECTS must have ${formatAccountObjectEntry(String(account), place)}`,
  );
