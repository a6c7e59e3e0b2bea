/**
 * Connects one request to the store of its account: D1 or a Durable Object. Only this file retries.
 * A write may be stored although its connection was lost, so every statement must be harmless if it
 * runs twice.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { collectMessages, databaseUnavailable, Failure } from '../failure.ts';
import type { Principal } from '../principal.ts';
import type { Statement } from './statement.ts';

const ATTEMPTS_MAX = 4;
/** A retry starts at most this long after the request opened its connection. */
const RETRY_MAX_MS = 2000;
/** The connection gives up an attempt after this time, because the database may never answer. */
export const ANSWER_MAX_MS = 5000;
const BACKOFF_MS = 50;
const RETRY_AFTER_TRANSIENT_SECONDS = 1;

/** An error with one of these texts is final: the attempt stored nothing, and no retry helps. */
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

/** Errors that last a while. The connection does not retry after them. `wait` is in seconds. */
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
 * `now` is the time when the request began (ISO 8601 in UTC). `uuid` is random for each request.
 */
export type OperationContext = {
  readonly principal: Principal;
  readonly connection: Connection;
  readonly now: string;
  readonly uuid: string;
};

export type Page<Cursor> = { readonly after: Cursor | undefined; readonly limit: number };

/** The position of an entry in a list, which is sorted by `created_at` and then by `id`. */
export type Position = { readonly created_at: string; readonly id: string };

export type Params = { readonly [name: string]: unknown };

type AnyStatement = Statement<never, unknown>;

/**
 * The statements of one attempt. They run in this order, in one transaction. `explain` returns why
 * `store` stored nothing.
 */
export type Call = {
  readonly params: Params;
  readonly store?: AnyStatement | undefined;
  readonly explain?: AnyStatement | undefined;
  readonly read?: AnyStatement | undefined;
};

/** `rows_read` and `rows_written` count rows as Cloudflare bills them. */
export type Rows = {
  readonly store: readonly unknown[];
  readonly explain: readonly unknown[];
  readonly read: readonly unknown[];
  readonly rows_read: number;
  readonly rows_written: number;
};

export type Store = {
  readonly name: 'd1' | 'object';
  /**
   * Makes one attempt. The attempt may continue after the connection has given it up.
   * @throws {Failure} `database_unavailable` if no retry of this request can help.
   */
  readonly run: (call: Call) => Promise<Rows>;
  /**
   * Returns a D1 bookmark for later reads; null before the first answer of D1, and for an object.
   */
  readonly bookmark: () => string | null;
};

/** The stored row, or the explanation why the write stored nothing. */
export type Written<Row, Explanation, Read> = { readonly read: readonly Read[] } & (
  | { readonly row: Row; readonly explanation?: never }
  | { readonly row: undefined; readonly explanation: Explanation }
);

export type Connection = {
  /**
   * Runs a statement and returns its rows.
   * @throws {Failure} `database_unavailable` if the error may pass.
   */
  readonly read: <P extends Params, Row>(statement: Statement<P, Row>, params: P) => Promise<Row[]>;
  /**
   * Runs a write and its explanation in one transaction.
   * @param makeParams returns the parameters of an attempt. The first attempt has the number 1.
   * @param read runs after the write, in the same transaction.
   * @throws {Failure} `database_unavailable` if the error may pass.
   */
  readonly write: <P extends Params, Q extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    makeParams: (attempt: number) => P & Omit<Q, 'alone'>,
    read?: Statement<P, Read>,
  ) => Promise<Written<Row, Explanation, Read>>;
  /**
   * Returns the failure for a write that was refused for a reason that another caller can remove,
   * such as a missing row. After a lost attempt, returns `database_unavailable` instead of
   * `refusal`, because the lost attempt may still be stored.
   */
  readonly settleRefusal: (refusal: Failure) => Failure;
  readonly bookmark: () => string | null;
  readonly cost: Readonly<Cost>;
};

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
  let hasLostWrite = false;
  return { read, write, settleRefusal, bookmark: store.bookmark, cost };

  async function read<P extends Params, Row>(statement: Statement<P, Row>, params: P) {
    const rows = await call(() => ({ params, read: statement }));
    return typeRows(statement, rows.read);
  }

  async function write<P extends Params, Q extends Params, Row, Explanation, Read = never>(
    statement: Statement<P, Row>,
    explain: Statement<Q, Explanation>,
    makeParams: (attempt: number) => P & Omit<Q, 'alone'>,
    readToo?: Statement<P, Read>,
  ): Promise<Written<Row, Explanation, Read>> {
    const rows = await call((attempt) => ({
      params: { ...makeParams(attempt), alone: 0 },
      store: statement,
      explain,
      read: readToo,
    }));
    const read = readToo ? typeRows(readToo, rows.read) : [];
    const [row] = typeRows(statement, rows.store);
    if (row !== undefined) return { row, read };
    // If the store returned no explanation, another call reads the explanation alone.
    const explanation =
      typeRows(explain, rows.explain).at(-1) ?? (await explainAlone(explain, makeParams(1)));
    if (explanation === undefined)
      throw new Error('a write stored nothing, and nothing explains it');
    return { row: undefined, explanation, read };
  }

  function settleRefusal(refusal: Failure): Failure {
    if (!hasLostWrite) return refusal;
    return databaseUnavailable(
      RETRY_AFTER_TRANSIENT_SECONDS,
      `an attempt was lost, and the next one found: ${refusal.code}`,
    );
  }

  async function explainAlone<E>(explain: Statement<never, E>, params: Params) {
    const rows = await call(() => ({ params: { ...params, alone: 1 }, read: explain }));
    return typeRows(explain, rows.read).at(-1);
  }

  async function call(makeCall: (attempt: number) => Call): Promise<Rows> {
    cost.db_calls += 1;
    for (let attempt = 1; ; attempt += 1) {
      cost.db_attempts += 1;
      // An error of `makeCall` or `requireStorable` is a bug in the Worker, so a retry would not
      // help.
      const sent = requireStorable(makeCall(attempt));
      const answer = store.run(sent);
      try {
        const rows = await withTimeout(clock, ANSWER_MAX_MS, answer);
        cost.rows_read += rows.rows_read;
        cost.rows_written += rows.rows_written;
        return rows;
      } catch (thrown) {
        if (thrown instanceof Failure) throw thrown;
        const message = collectMessages(thrown);
        const later = LATER_ERRORS.find(({ text }) => message.includes(text));
        if (later) throw databaseUnavailable(later.wait, message);
        // A final error shows that this attempt stored nothing. An earlier attempt, whose response
        // was lost, may have stored the write.
        if (attempt === 1 && FINAL_ERRORS.some((text) => message.includes(text))) throw thrown;
        // The pause is random (full jitter), so that requests that failed together do not retry
        // together.
        const pause = Math.random() * BACKOFF_MS * 2 ** attempt;
        const isLate = clock.now().getTime() - started + pause > RETRY_MAX_MS;
        if (attempt === ATTEMPTS_MAX || isLate)
          throw databaseUnavailable(RETRY_AFTER_TRANSIENT_SECONDS, message);
        hasLostWrite ||= sent.store !== undefined;
        await clock.sleep(pause);
      }
    }
  }
}

/** The assertion is safe, because the text and the type of a statement come from one query. */
const typeRows = <Row>(_: Statement<never, Row>, rows: readonly unknown[]) => rows as Row[];

/** Refuses values that SQLite would change without an error, such as `true`, undefined and NaN. */
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
