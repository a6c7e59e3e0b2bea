/**
 * Makes Workers whose clocks differ, like the clocks in different data centers of Cloudflare. Also
 * makes requests that update an evaluation, and reads the stored values.
 */
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

/** The message of a transient error of D1. After this error, the Worker sends the call again. */
export const LOST = 'Network connection lost.';

export const NOW = createStillClock().now();

/** Makes a Worker whose clock is `secondsAhead` seconds ahead of `NOW`. */
export function edge(secondsAhead = 0, db: D1Database = DB): Send {
  const clock = createStillClock(NOW);
  clock.advance(secondsAhead);
  return createWorker({ DB: db }, clock);
}

/**
 * Mints a token that is valid at `NOW`. The token expires ten minutes and `secondsLater` seconds
 * after `NOW`. `changed` replaces claims.
 */
export const mintTokenAt = (changed: Record<string, unknown>, secondsLater = 0) =>
  mintToken({ exp: claims({}, NOW).exp + secondsLater, ...changed });

type Put = { readonly sub?: string; readonly headers?: Readonly<Record<string, string>> };

/** Makes a request that updates the value of a row, with a token that is valid at `NOW`. */
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

/** Reads all values that an evaluation has had, from the oldest to the present value. */
export const readValues = async (row: Row) =>
  [...(await readHistory(row.id)), await readEvaluation(row.id)].map((entry) => entry?.value);
