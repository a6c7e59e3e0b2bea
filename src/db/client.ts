/**
 * The way to D1: what passes is tried again for a bounded time, what does not pass at once becomes the fact that the
 * database is unavailable. Only for statements that do no harm when run twice, because a connection may be lost after
 * the commit. Nothing else about the failure is judged here.
 */
import type { Clock } from '../clock';
import { Failure } from '../failure';

/** Safe to retry (D1: Debug D1, error list); anything D1 says of these is about the connection, not the query. */
const TRANSIENT = [
  'Network connection lost',
  'D1 DB reset because its code was updated',
  'Internal error while starting up D1 DB storage caused object to be reset',
  'Internal error in D1 DB storage caused object to be reset',
  'Cannot resolve D1 DB due to transient issue on remote node',
  "Can't read from request stream because client disconnected",
];

/** Passes too, but a retry at once makes it worse. */
const OVERLOAD = ['overloaded', 'exceeded timeout', 'memory limit', 'CPU time limit'];

const ATTEMPTS_MAX = 4;
/** No attempt begins later than this after the first. */
const RETRY_MAX_MS = 2000;
const BACKOFF_MS = 50;
const RETRY_AFTER_TRANSIENT_SECONDS = 1;
const RETRY_AFTER_OVERLOAD_SECONDS = 5;

/** A statement compiled to text; `Row` is what it returns. */
export type Statement<Values, Row> = {
  readonly bind: (db: D1Database, values: Values) => D1PreparedStatement;
  readonly returns?: Row;
};

export type Run = <Values, Row>(statement: Statement<Values, Row>, values: Values) => Promise<Row[]>;

/** @throws {Failure} `database_unavailable`; whatever else D1 throws passes through. */
export function createRun(db: D1Database, clock: Clock): Run {
  return async function run<Values, Row>(statement: Statement<Values, Row>, values: Values): Promise<Row[]> {
    const started = clock.now().getTime();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await statement.bind(db, values).all<Row>()).results;
      } catch (thrown) {
        const message = messageOf(thrown);
        if (OVERLOAD.some((text) => message.includes(text))) throw unavailable(RETRY_AFTER_OVERLOAD_SECONDS, message);
        if (!TRANSIENT.some((text) => message.includes(text))) throw thrown;
        // Full jitter: writers that failed together must not come back together.
        const pause = Math.random() * BACKOFF_MS * 2 ** attempt;
        const late = clock.now().getTime() - started + pause > RETRY_MAX_MS;
        if (attempt === ATTEMPTS_MAX || late) throw unavailable(RETRY_AFTER_TRANSIENT_SECONDS, message);
        await clock.sleep(pause);
      }
    }
  };
}

const unavailable = (retryAfterSeconds: number, cause: string) =>
  new Failure({ kind: 'database_unavailable', retryAfterSeconds }, { cause });

function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}; ${messageOf(thrown.cause)}`;
}
