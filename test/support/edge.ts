/** Sends writes from edges whose clocks differ, all at one moment, and reads what is stored. */
import { createStillClock } from './clock.ts';
import {
  buildPath,
  claims,
  createWorker,
  DB,
  mintToken,
  type Row,
  readEvaluation,
  readHistory,
  request,
  type Send,
} from './worker.ts';

/** A transient error of D1: the Worker sends the call again. */
export const LOST = 'Network connection lost.';

export const NOW = createStillClock().now();

/**
 * Makes a Worker whose clock is this many seconds ahead. The Worker reaches the database through
 * `db`.
 */
export function edge(secondsAhead = 0, db: D1Database = DB): Send {
  const clock = createStillClock(NOW);
  clock.advance(secondsAhead);
  return createWorker({ DB: db }, clock);
}

/** Mints a token that is valid at that moment, and for this many seconds longer. */
export const mintTokenAt = (changed: Record<string, unknown>, secondsLater = 0) =>
  mintToken({ exp: claims({}, NOW).exp + secondsLater, ...changed });

type Put = { readonly sub?: string; readonly headers?: Readonly<Record<string, string>> };

/** Makes an update of a row at that moment. */
export async function makeUpdate(
  row: Row,
  value: number,
  { sub = 'user-a', headers = {} }: Put = {},
): Promise<Request> {
  return request(buildPath(row), {
    body: JSON.stringify({ value }),
    headers: { authorization: `Bearer ${await mintTokenAt({ sub })}`, ...headers },
  });
}

/** Reads the values of a row, from the oldest to the present one. */
export const readValues = async (row: Row) =>
  [...(await readHistory(row.id)), await readEvaluation(row.id)].map((entry) => entry?.value);
