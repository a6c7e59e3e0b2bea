/**
 * Connects one request to the store that has the rows of the account: D1 or a Durable Object. A
 * store (d1.ts, account-object.ts) never retries: it makes one attempt each time that this file
 * calls it. This file retries after errors that may pass soon.
 *
 * The connection to the database may be lost after the commit, so a retry may repeat a stored
 * write. Therefore every statement must be harmless if it runs twice.
 *
 * A call runs one to three statements in one transaction. A call makes at most four attempts, each
 * with a timeout of 5 s. A request opens one connection for all its calls. No retry starts later
 * than 2 s after the request opened the connection.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { databaseUnavailable, Failure, messageOf } from '../failure.ts';
import type { Principal } from '../principal.ts';
import type { Statement } from './statement.ts';

const ATTEMPTS_MAX = 4;
/** No retry starts later than this after the request opened its connection. */
const RETRY_MAX_MS = 2000;
/** The connection abandons an attempt after this time, because the database may never answer. */
export const ANSWER_MAX_MS = 5000;
const BACKOFF_MS = 50;
const RETRY_AFTER_TRANSIENT_SECONDS = 1;

/**
 * If the message of an error contains one of these texts, the error is final: the attempt stored
 * nothing, and no retry helps. SQLite reports a violated constraint or type, SQL that does not
 * compile, a missing table, or a text that is too large. D1 reports `D1_TYPE_ERROR` for a value
 * that it cannot bind.
 */
const FINAL_ERRORS = [
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
 * If the message of an error contains one of these texts, the error is temporary but lasts a while.
 * An immediate retry could make the problem worse. The caller may retry after `wait` seconds.
 */
const LATER_ERRORS = [
  { text: 'overloaded', wait: 5 },
  { text: 'exceeded timeout', wait: 5 },
  { text: 'memory limit', wait: 5 },
  { text: 'CPU time limit', wait: 5 },
  { text: 'did not answer within', wait: 5 },
  // `wrangler d1 export` makes the database unavailable for minutes.
  { text: 'long-running export', wait: 60 },
];

/**
 * The context of every operation. `now` is the time when the request began (ISO 8601 in UTC).
 * `uuid` is a random UUID of the request.
 */
export type OperationContext = {
  readonly principal: Principal;
  readonly connection: Connection;
  readonly now: string;
  readonly uuid: string;
};

/**
 * The page of a list that the caller requests: at most `limit` entries, which follow the entry
 * `after`.
 */
export type Page<Cursor> = { readonly after: Cursor | undefined; readonly limit: number };

/**
 * The position of an entry in a list. Lists are sorted by `created_at`. Entries with the same
 * `created_at` are sorted by `id`.
 */
export type Position = { readonly created_at: string; readonly id: string };

export type Params = { readonly [name: string]: unknown };

type AnyStatement = Statement<never, unknown>;

/**
 * The statements of one attempt, which run in this order in one transaction:
 * - `store` is the write.
 * - `explain` returns why the write stored nothing. If the write returned a row, the database (D1
 *   or an object) need not run `explain`.
 * - `read` reads rows. In a call with a write, `read` sees the rows after the write.
 */
export type Call = {
  readonly params: Params;
  readonly store?: AnyStatement | undefined;
  readonly explain?: AnyStatement | undefined;
  readonly read?: AnyStatement | undefined;
};

/**
 * The rows of each statement of a call. `rows_read` and `rows_written` count rows as Cloudflare
 * bills them.
 */
export type Rows = {
  readonly store: readonly unknown[];
  readonly explain: readonly unknown[];
  readonly read: readonly unknown[];
  readonly rows_read: number;
  readonly rows_written: number;
};

/** Runs the calls of one request, in D1 or in the object of the account. */
export type Store = {
  readonly name: 'd1' | 'object';
  /**
   * Makes one attempt. If an attempt takes too long, the connection abandons it and may start a new
   * attempt. The abandoned attempt may still run.
   * @throws {Failure} `database_unavailable` if no retry of this request can help. Throws the
   * store's own error if a statement fails, or if the connection to the database is lost.
   */
  readonly run: (call: Call) => Promise<Rows>;
  /**
   * Returns a D1 bookmark, from which a later read can start. The later read never sees an older
   * state of the database than the last answer of D1 showed. Returns null before D1 has answered an
   * attempt, and always for an object.
   */
  readonly bookmark: () => string | null;
};

/**
 * The result of a write: the stored row, or the explanation why the write stored nothing. `read`
 * has the rows of the read that ran after the write.
 */
export type Written<Row, Explanation, Read> = { readonly read: readonly Read[] } & (
  | { readonly row: Row; readonly explanation?: never }
  | { readonly row: undefined; readonly explanation: Explanation }
);

export type Connection = {
  /**
   * Runs a statement and returns its rows.
   * @throws {Failure} `database_unavailable` if the error may pass, so that the caller may try
   * again later. Throws every other error unchanged.
   */
  readonly read: <P extends Params, Row>(statement: Statement<P, Row>, params: P) => Promise<Row[]>;
  /**
   * Runs a write and its explanation in one call, which is one transaction. If the write stored a
   * row, returns the row. In this case the explanation reads no rows, so it costs nothing
   * (write.query.ts, ifNothingChanged). If the write stored nothing, returns the last row of the
   * explanation.
   * @param paramsOf returns the parameters of an attempt. The first attempt has the number 1.
   * @param read runs after the write, in the same transaction.
   * @throws {Failure} `database_unavailable` if the error may pass, so that the caller may try
   * again later. Throws every other error unchanged.
   */
  readonly write: <P extends Params, Q extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    paramsOf: (attempt: number) => P & Omit<Q, 'alone'>,
    read?: Statement<P, Read>,
  ) => Promise<Written<Row, Explanation, Read>>;
  /**
   * Chooses the failure for a write that the database refused because a row is missing or a label
   * is archived. If the database answered every attempt of the request, returns `refusal`. If an
   * attempt had no answer, returns `database_unavailable`, because that attempt may still arrive.
   * If another caller creates the row or unarchives the label before the attempt arrives, the
   * database stores the write.
   */
  readonly settleRefusal: (refusal: Failure) => Failure;
  /** Returns the same as `Store.bookmark`. */
  readonly bookmark: () => string | null;
  readonly cost: Readonly<Cost>;
};

/** The cost of a request so far. The rows are counted as Cloudflare bills them. */
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
  return { read, write, settleRefusal, bookmark: store.bookmark, cost };

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
    // If the write stored nothing, D1 and objects return the explanation in the same call. If the
    // explanation is missing nevertheless, another call reads it without repeating the write.
    const explanation =
      typeRows(explain, rows.explain).at(-1) ?? (await explainAlone(explain, paramsOf(1)));
    if (explanation === undefined)
      throw new Error('a write stored nothing, and nothing explains it');
    return { row: undefined, explanation, read };
  }

  function settleRefusal(refusal: Failure): Failure {
    if (cost.db_attempts === cost.db_calls) return refusal;
    return databaseUnavailable(
      RETRY_AFTER_TRANSIENT_SECONDS,
      `a lost attempt may still be stored: ${refusal.code}`,
    );
  }

  async function explainAlone<E>(explain: Statement<never, E>, params: Params) {
    const rows = await call(() => ({ params: { ...params, alone: 1 }, read: explain }));
    return typeRows(explain, rows.read).at(-1);
  }

  /** Makes one call. Retries after errors that may pass soon. */
  async function call(callOf: (attempt: number) => Call): Promise<Rows> {
    cost.db_calls += 1;
    for (let attempt = 1; ; attempt += 1) {
      cost.db_attempts += 1;
      // This line is outside the `try`: an error of `callOf` or `requireStorable` is a bug in the
      // Worker, so a retry would not help.
      const sent = store.run(requireStorable(callOf(attempt)));
      try {
        const rows = await withTimeout(clock, ANSWER_MAX_MS, sent);
        cost.rows_read += rows.rows_read;
        cost.rows_written += rows.rows_written;
        return rows;
      } catch (thrown) {
        if (thrown instanceof Failure) throw thrown;
        const message = messageOf(thrown);
        const later = LATER_ERRORS.find(({ text }) => message.includes(text));
        if (later) throw databaseUnavailable(later.wait, message);
        // A final error of the first attempt proves that nothing was stored. A final error of a
        // later attempt does not, because an earlier attempt may have stored the write.
        if (attempt === 1 && FINAL_ERRORS.some((text) => message.includes(text))) throw thrown;
        // The pause is random (full jitter), so that requests that failed together do not retry
        // together.
        const pause = Math.random() * BACKOFF_MS * 2 ** attempt;
        const isLate = clock.now().getTime() - started + pause > RETRY_MAX_MS;
        if (attempt === ATTEMPTS_MAX || isLate)
          throw databaseUnavailable(RETRY_AFTER_TRANSIENT_SECONDS, message);
        await clock.sleep(pause);
      }
    }
  }
}

/**
 * Asserts the type of rows. The assertion is safe, because the text and the type of a statement
 * come from the same query.
 */
const typeRows = <Row>(_: Statement<never, Row>, rows: readonly unknown[]) => rows as Row[];

/**
 * Returns the call if every parameter is a text, null or a finite number, which SQLite stores
 * unchanged. SQLite would change any other value without an error. For example, an account object
 * would store `true` as a text, and undefined and NaN as NULL.
 * @throws {TypeError} for any other parameter
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
