/**
 * One request's connection to D1, a session: its statements see each other, and its bookmark lets the caller's next
 * request see them too. Transient errors: at most four attempts, the last starting within 2 s, 5 s timeout each. So only
 * statements that do no harm when run twice may come here: a connection may be lost after the commit.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { databaseUnavailable, messageOf } from '../failure.ts';
import { OVERLOAD, TRANSIENT } from './d1-errors.ts';
import type { Statement } from './statement.ts';

const ATTEMPTS_MAX = 4;
/** No attempt starts later than this after the connection was opened. */
const RETRY_MAX_MS = 2000;
/** An attempt that takes longer is abandoned, and its caller told to retry later: D1 may never answer. */
const ANSWER_MAX_MS = 5000;
const BACKOFF_MS = 50;
const RETRY_AFTER_TRANSIENT_SECONDS = 1;
const RETRY_AFTER_OVERLOAD_SECONDS = 5;

type Params = { readonly [name: string]: unknown };

/** What a write stored, or why it stored nothing. */
export type Written<Row, Explanation> =
  | { readonly row: Row; readonly explanation?: never }
  | { readonly row: undefined; readonly explanation: Explanation };

/** In the order of the statements. */
type Batch<Row, Explanation, Read> = [D1Result<Row>, D1Result<Explanation>, ...D1Result<Read>[]];

export type Connection = {
  /**
   * The rows that a statement returns.
   * @throws {Failure} `database_unavailable`; any other error of D1 passes through.
   */
  readonly read: <P extends Params, Row>(statement: Statement<P, Row>, params: P) => Promise<Row[]>;
  /**
   * The row that a write returns, or if it stored nothing what explains that: in one call and one transaction (D1: batch).
   * The last row of the explanation counts; if the write did its work it reads and returns none (compile.ts, ifNothingChanged).
   * `paramsOf` is called for each attempt, with its number, from 1. `read` is read after the write, in the same transaction.
   * @throws {Failure} `database_unavailable`; any other error of D1 passes through.
   */
  readonly write: <P extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<P, Explanation>,
    paramsOf: (attempt: number) => P,
    read?: Statement<P, Read>,
  ) => Promise<Written<Row, Explanation> & { readonly read: readonly Read[] }>;
  /** The database's state when it last answered this request, as a bookmark; null before it did. */
  readonly bookmark: () => string | null;
  /** What the request has cost so far. */
  readonly cost: Readonly<Cost>;
};

/** Calls, attempts at them, and rows as D1 counts and bills them (D1: Return object, meta). */
type Cost = { d1_calls: number; d1_attempts: number; rows_read: number; rows_written: number };

/**
 * `from` is a bookmark, `first-primary` for a request that writes, or `first-unconstrained` for one that may be
 * answered by the nearest replica.
 */
export function connect(db: D1Database, clock: Clock, from: string): Connection {
  const cost: Cost = { d1_calls: 0, d1_attempts: 0, rows_read: 0, rows_written: 0 };
  const session = db.withSession(from);
  const started = clock.now().getTime();
  let answered = false;
  // Until D1 has answered, a session's bookmark is only the one it was asked to start from.
  const bookmark = () => (answered ? session.getBookmark() : null);
  return { read, write, bookmark, cost };

  async function read<P extends Params, Row>(
    statement: Statement<P, Row>,
    params: P,
  ): Promise<Row[]> {
    const [result] = await call(async () => [await bind(statement, params).all<Row>()]);
    return result.results;
  }

  async function write<P extends Params, Row, Explanation, Read = never>(
    store: Statement<P, Row>,
    explain: Statement<P, Explanation>,
    paramsOf: (attempt: number) => P,
    readToo?: Statement<P, Read>,
  ): Promise<Written<Row, Explanation> & { readonly read: readonly Read[] }> {
    const [stored, explained, ...others] = await call(async (attempt) => {
      const params = paramsOf(attempt);
      const batch = [bind(store, params), bind(explain, { ...params, alone: 0 })];
      if (readToo) batch.push(bind(readToo, params));
      // D1 types all results of a batch alike.
      return (await session.batch(batch)) as Batch<Row, Explanation, Read>;
    });
    const rows = others.flatMap(({ results }) => results);
    const [row] = stored.results;
    if (row !== undefined) return { row, read: rows };
    // changes() is not 0 behind a write that returned nothing. Never seen; should it be, the reason is asked for alone.
    const explanation =
      explained.results.at(-1) ?? (await read(explain, { ...paramsOf(1), alone: 1 })).at(-1);
    if (explanation === undefined)
      throw new Error('a write stored nothing, and nothing explains it');
    return { row: undefined, explanation, read: rows };
  }

  function bind<P extends Params>(
    { sql, params: names }: Statement<P, unknown>,
    params: P,
  ): D1PreparedStatement {
    // D1 throws if a value is missing: no parameter can become NULL by mistake.
    return session.prepare(sql).bind(...names.map((name) => params[name]));
  }

  /** One call, in as many attempts as it needs. */
  async function call<Results extends readonly D1Result[]>(
    send: (attempt: number) => Promise<Results>,
  ): Promise<Results> {
    cost.d1_calls += 1;
    for (let attempt = 1; ; attempt += 1) {
      cost.d1_attempts += 1;
      try {
        const results = await withTimeout(clock, ANSWER_MAX_MS, send(attempt));
        answered = true;
        for (const { meta } of results) {
          cost.rows_read += meta.rows_read;
          cost.rows_written += meta.rows_written;
        }
        return results;
      } catch (thrown) {
        const message = messageOf(thrown);
        if (OVERLOAD.some((text) => message.includes(text)))
          throw databaseUnavailable(RETRY_AFTER_OVERLOAD_SECONDS, message);
        if (!TRANSIENT.some((text) => message.includes(text))) throw thrown;
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
