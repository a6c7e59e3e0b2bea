/**
 * One request's access to the database, a D1 session: its statements see each other, and its
 * bookmark lets the caller's next request see them too. A connection may be lost after the commit,
 * so every statement must be harmless when it runs twice. Then a retry is harmless as well, and
 * every error that may pass soon is retried: at most four attempts, the last starting within 2 s,
 * with a timeout of 5 s each.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { databaseUnavailable, messageOf } from '../failure.ts';
import type { Principal } from '../principal.ts';
import type { Statement } from './statement.ts';

const ATTEMPTS_MAX = 4;
/** No attempt starts later than this after the connection was opened. */
const RETRY_MAX_MS = 2000;
/** An attempt that takes longer is abandoned: D1 may never answer. */
const ANSWER_MAX_MS = 5000;
const BACKOFF_MS = 50;
const RETRY_AFTER_TRANSIENT_SECONDS = 1;

/**
 * Parts of the messages of errors that no retry can help. SQLite's words and result codes say that
 * a constraint or a type is violated, that SQL does not compile, that a table is missing, that a
 * text is too large; D1 says that it cannot bind a value. Nothing was stored then.
 */
const FINAL = [
  'constraint failed',
  'SQLITE_CONSTRAINT',
  'datatype mismatch',
  'SQLITE_MISMATCH',
  'syntax error',
  'no such table',
  'no such column',
  'SQLITE_ERROR',
  'SQLITE_RANGE',
  'too big',
  'SQLITE_TOOBIG',
  'D1_TYPE_ERROR',
];

/** Errors that pass, but not soon: an immediate retry makes them worse. `wait` is in seconds. */
const NOT_NOW = [
  { text: 'overloaded', wait: 5 },
  { text: 'exceeded timeout', wait: 5 },
  { text: 'memory limit', wait: 5 },
  { text: 'CPU time limit', wait: 5 },
  { text: 'did not answer within', wait: 5 },
  // `wrangler d1 export` makes the database unavailable for minutes.
  { text: 'long-running export', wait: 60 },
];

/**
 * Every operation gets the caller, the way to the database, and when the request began (ISO 8601).
 */
export type OperationContext = {
  readonly principal: Principal;
  readonly connection: Connection;
  readonly now: string;
};

/** Where a page of a list starts, after the last entry of the page before, and its size. */
export type Page<Cursor> = { readonly after: Cursor | undefined; readonly limit: number };

/** The position of an entry in a list that is ordered by time, and by id in one millisecond. */
export type Position = { readonly created_at: string; readonly id: string };

type Params = { readonly [name: string]: unknown };

/**
 * The row that a write stored, or why it stored nothing. `read` has the rows of the further read.
 */
export type Written<Row, Explanation, Read> = { readonly read: readonly Read[] } & (
  | { readonly row: Row; readonly explanation?: never }
  | { readonly row: undefined; readonly explanation: Explanation }
);

/** The results, in the order of the statements. */
type Batch<Row, Explanation, Read> = [D1Result<Row>, D1Result<Explanation>, ...D1Result<Read>[]];

export type Connection = {
  /**
   * Returns the rows of a statement.
   * @throws {Failure} `database_unavailable`; an error that no retry can help passes through.
   */
  readonly read: <P extends Params, Row>(statement: Statement<P, Row>, params: P) => Promise<Row[]>;
  /**
   * Returns the row that a write stored, or if it stored nothing the last row of what explains
   * that: in one call and one transaction (D1: batch). If the write did its work, the explanation
   * reads and returns nothing (write.query.ts, ifNothingChanged).
   * @param paramsOf is called for each attempt, with its number, from 1.
   * @param read runs after the write, in the same transaction.
   * @throws {Failure} `database_unavailable`; an error that no retry can help passes through.
   */
  readonly write: <P extends Params, Q extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    paramsOf: (attempt: number) => P & Omit<Q, 'alone'>,
    read?: Statement<P, Read>,
  ) => Promise<Written<Row, Explanation, Read>>;
  /** The database's state when it last answered this request, as a bookmark; null before that. */
  readonly bookmark: () => string | null;
  /** The cost of the request so far. */
  readonly cost: Readonly<Cost>;
};

/** Calls, attempts at them, and rows as D1 counts and bills them (D1: Return object, meta). */
type Cost = { d1_calls: number; d1_attempts: number; rows_read: number; rows_written: number };

/**
 * @param from a bookmark; `first-primary` for a request that writes; or `first-unconstrained` for a
 * request that the nearest replica may answer.
 */
export function connect(db: D1Database, clock: Clock, from: string): Connection {
  const cost: Cost = { d1_calls: 0, d1_attempts: 0, rows_read: 0, rows_written: 0 };
  const session = db.withSession(from);
  const started = clock.now().getTime();
  let answered = false;
  // Until D1 has answered, a session's bookmark is only the one that it was asked to start from.
  const bookmark = () => (answered ? session.getBookmark() : null);
  return { read, write, bookmark, cost };

  async function read<P extends Params, Row>(statement: Statement<P, Row>, params: P) {
    const [result] = await call(() => oneOf(bind(statement, params).all<Row>()));
    return result.results;
  }

  async function write<P extends Params, Q extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    paramsOf: (attempt: number) => P & Omit<Q, 'alone'>,
    readToo?: Statement<P, Read>,
  ): Promise<Written<Row, Explanation, Read>> {
    const [stored, explained, ...others] = await call((attempt) => {
      const params = paramsOf(attempt);
      const batch = [bind(store, params), bind(explain, { ...params, alone: 0 })];
      if (readToo) batch.push(bind(readToo, params));
      // D1 types all results of a batch alike.
      return session.batch(batch) as Promise<Batch<Row, Explanation, Read>>;
    });
    const rows = others.flatMap(({ results }) => results);
    const [row] = stored.results;
    if (row !== undefined) return { row, read: rows };
    // The explanation was never seen to be missing here. If it is, it is asked for alone.
    const explanation = explained.results.at(-1) ?? (await explainAlone(explain, paramsOf(1)));
    if (explanation === undefined)
      throw new Error('a write stored nothing, and nothing explains it');
    return { row: undefined, explanation, read: rows };
  }

  async function explainAlone<E>(explain: Statement<never, E>, params: Params) {
    const [result] = await call(() => oneOf(bind(explain, { ...params, alone: 1 }).all<E>()));
    return result.results.at(-1);
  }

  function bind({ sql, params: names }: Statement<never, unknown>, params: Params) {
    // D1 throws if a value is missing: no parameter can become NULL by mistake.
    return session.prepare(sql).bind(...names.map((name) => params[name]));
  }

  /** Makes one call, in as many attempts as it needs. A fault before `send` returns is ours. */
  async function call<Results extends readonly D1Result[]>(
    send: (attempt: number) => Promise<Results>,
  ): Promise<Results> {
    cost.d1_calls += 1;
    for (let attempt = 1; ; attempt += 1) {
      cost.d1_attempts += 1;
      const sent = send(attempt);
      try {
        const results = await withTimeout(clock, ANSWER_MAX_MS, sent);
        answered = true;
        for (const { meta } of results) {
          cost.rows_read += meta.rows_read;
          cost.rows_written += meta.rows_written;
        }
        return results;
      } catch (thrown) {
        const message = messageOf(thrown);
        const notNow = NOT_NOW.find(({ text }) => message.includes(text));
        if (notNow) throw databaseUnavailable(notNow.wait, message);
        // After a lost attempt the write may be stored: then no error says that it is not.
        if (attempt === 1 && FINAL.some((text) => message.includes(text))) throw thrown;
        // Full jitter: writers that failed together must not retry together.
        const pause = Math.random() * BACKOFF_MS * 2 ** attempt;
        const late = clock.now().getTime() - started + pause > RETRY_MAX_MS;
        if (attempt === ATTEMPTS_MAX || late)
          throw databaseUnavailable(RETRY_AFTER_TRANSIENT_SECONDS, message);
        await clock.sleep(pause);
      }
    }
  }
}

const oneOf = async <Row>(result: Promise<D1Result<Row>>): Promise<[D1Result<Row>]> => [
  await result,
];
