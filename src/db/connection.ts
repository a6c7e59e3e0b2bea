/**
 * Gives one request access to the store that has its account's rows. A connection may be lost after
 * the commit, so every statement must be harmless if it runs twice. So a connection can retry every
 * error that may pass soon. A call makes at most four attempts with a timeout of 5 s each, and
 * starts the last attempt within 2 s. Stores (d1.ts, account-object.ts) make single attempts.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { databaseUnavailable, Failure, messageOf } from '../failure.ts';
import type { Principal } from '../principal.ts';
import type { Statement } from './statement.ts';

const ATTEMPTS_MAX = 4;
/** No attempt starts later than this after the connection was opened. */
const RETRY_MAX_MS = 2000;
/** A connection abandons an attempt that takes longer, because the database may never answer. */
export const ANSWER_MAX_MS = 5000;
const BACKOFF_MS = 50;
const RETRY_AFTER_TRANSIENT_SECONDS = 1;

/**
 * Parts of the messages of errors that no retry can help, and after which nothing was stored. The
 * words and result codes of SQLite mean a violated constraint or type, SQL that does not compile, a
 * missing table, or too large a text. `D1_TYPE_ERROR` means that D1 cannot bind a value.
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

/**
 * Errors that pass, but not soon: an immediate retry would make the state worse. `wait` is in
 * seconds.
 */
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
 * The context of every operation: the caller, the connection, the time when the request began (ISO
 * 8601 in UTC), and a random UUID of the request.
 */
export type OperationContext = {
  readonly principal: Principal;
  readonly connection: Connection;
  readonly now: string;
  readonly uuid: string;
};

/** A page of a list: the last entry of the previous page, and the number of rows. */
export type Page<Cursor> = { readonly after: Cursor | undefined; readonly limit: number };

/**
 * The position of an entry in a list. Lists are in the order of time, and within a millisecond in
 * the order of ids.
 */
export type Position = { readonly created_at: string; readonly id: string };

/** The values of a call's parameters, by name. */
export type Params = { readonly [name: string]: unknown };

type AnyStatement = Statement<never, unknown>;

/**
 * The statements of one attempt, which a store runs in this order in one transaction. `explain` may
 * be skipped if `store` returns a row.
 */
export type Call = {
  readonly params: Params;
  readonly store?: AnyStatement | undefined;
  readonly explain?: AnyStatement | undefined;
  readonly read?: AnyStatement | undefined;
};

/**
 * The rows of each statement of a call, and how many rows the call read and wrote, as Cloudflare
 * bills them.
 */
export type Rows = {
  readonly store: readonly unknown[];
  readonly explain: readonly unknown[];
  readonly read: readonly unknown[];
  readonly rows_read: number;
  readonly rows_written: number;
};

/** The store that has the rows of an account. */
export type Store = {
  readonly name: 'd1' | 'object';
  /**
   * Makes one attempt. Attempts of a request may overlap, because an abandoned attempt may still
   * run.
   * @throws {Failure} `database_unavailable` if no other attempt of this request can help. Throws
   * the store's own error if a statement fails, or if its result is unknown.
   */
  readonly run: (call: Call) => Promise<Rows>;
  /** The state that the last answered attempt saw; null if reads cannot be stale. */
  readonly bookmark: () => string | null;
};

/**
 * The row that a write stored, or the explanation why it stored nothing. `read` has the rows of the
 * further read.
 */
export type Written<Row, Explanation, Read> = { readonly read: readonly Read[] } & (
  | { readonly row: Row; readonly explanation?: never }
  | { readonly row: undefined; readonly explanation: Explanation }
);

export type Connection = {
  /**
   * Returns the rows of a statement.
   * @throws {Failure} `database_unavailable`; an error that no retry can help passes through.
   */
  readonly read: <P extends Params, Row>(statement: Statement<P, Row>, params: P) => Promise<Row[]>;
  /**
   * Runs a write and its explanation in one call, which is one transaction. Returns the row that
   * the write stored; if the write stored nothing, the last row of the explanation. If the write
   * stored a row, the explanation reads and returns nothing (write.query.ts, ifNothingChanged).
   * @param paramsOf returns the parameters of each attempt, by the attempt's number from 1.
   * @param read runs after the write, in the same transaction.
   * @throws {Failure} `database_unavailable`; an error that no retry can help passes through.
   */
  readonly write: <P extends Params, Q extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    paramsOf: (attempt: number) => P & Omit<Q, 'alone'>,
    read?: Statement<P, Read>,
  ) => Promise<Written<Row, Explanation, Read>>;
  /**
   * Returns the state of D1 when it last answered this request, as a bookmark; null before an
   * answer.
   */
  readonly bookmark: () => string | null;
  /** The cost of the request so far. */
  readonly cost: Readonly<Cost>;
};

/** The number of calls, of attempts, and of rows as Cloudflare bills them. */
type Cost = {
  readonly store: Store['name'];
  db_calls: number;
  db_attempts: number;
  rows_read: number;
  rows_written: number;
};

/** Opens the connection of one request. */
export function connect(store: Store, clock: Clock): Connection {
  const cost: Cost = {
    store: store.name,
    db_calls: 0,
    db_attempts: 0,
    rows_read: 0,
    rows_written: 0,
  };
  const started = clock.now().getTime();
  return { read, write, bookmark: store.bookmark, cost };

  async function read<P extends Params, Row>(statement: Statement<P, Row>, params: P) {
    const rows = await call(() => ({ params, read: statement }));
    return typeRows(statement, rows.read);
  }

  async function write<P extends Params, Q extends Params, Row, Explanation, Read = never>(
    statement: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    paramsOf: (attempt: number) => P & Omit<Q, 'alone'>,
    readToo?: Statement<P, Read>,
  ): Promise<Written<Row, Explanation, Read>> {
    const rows = await call((attempt) => ({
      params: { ...paramsOf(attempt), alone: 0 },
      store: statement,
      explain,
      read: readToo,
    }));
    const read = readToo ? typeRows(readToo, rows.read) : [];
    const [row] = typeRows(statement, rows.store);
    if (row !== undefined) return { row, read };
    // No run has ever lacked the explanation here. If it is missing, another call reads it alone.
    const explanation =
      typeRows(explain, rows.explain).at(-1) ?? (await explainAlone(explain, paramsOf(1)));
    if (explanation === undefined)
      throw new Error('a write stored nothing, and nothing explains it');
    return { row: undefined, explanation, read };
  }

  async function explainAlone<E>(explain: Statement<never, E>, params: Params) {
    const rows = await call(() => ({ params: { ...params, alone: 1 }, read: explain }));
    return typeRows(explain, rows.read).at(-1);
  }

  /**
   * Makes one call, in as many attempts as necessary. Does not retry an error of `callOf` or
   * `requireStorable`, which is our own fault.
   */
  async function call(callOf: (attempt: number) => Call): Promise<Rows> {
    cost.db_calls += 1;
    for (let attempt = 1; ; attempt += 1) {
      cost.db_attempts += 1;
      const sent = store.run(requireStorable(callOf(attempt)));
      try {
        const rows = await withTimeout(clock, ANSWER_MAX_MS, sent);
        cost.rows_read += rows.rows_read;
        cost.rows_written += rows.rows_written;
        return rows;
      } catch (thrown) {
        if (thrown instanceof Failure) throw thrown;
        const message = messageOf(thrown);
        const notNow = NOT_NOW.find(({ text }) => message.includes(text));
        if (notNow) throw databaseUnavailable(notNow.wait, message);
        // After a lost attempt the write may be stored, so an error of a later attempt proves
        // nothing.
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

/**
 * Gives rows their type. The assertion is safe because the statement's text and type come from one
 * query.
 */
const typeRows = <Row>(_: Statement<never, Row>, rows: readonly unknown[]) => rows as Row[];

/**
 * Returns the call if SQLite stores the value of every parameter unchanged; otherwise throws a
 * TypeError. An account object would store `true` as a text, and undefined and NaN as NULL.
 */
function requireStorable(call: Call): Call {
  const { params, store, explain, read } = call;
  for (const statement of [store, explain, read]) {
    const wrong = statement?.params.find((name) => !isStorable(params[name]));
    if (wrong !== undefined) throw new TypeError(`the parameter ${wrong} cannot be stored`);
  }
  return call;
}

const isStorable = (value: unknown) =>
  typeof value === 'string' || value === null || Number.isFinite(value);
