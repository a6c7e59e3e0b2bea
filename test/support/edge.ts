/** Makes Workers whose clocks differ, like the clocks in different data centers of Cloudflare. */
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

/** The message of a D1 error after which the Worker sends the call again. */
export const LOST = 'Network connection lost.';

export const NOW = createStillClock().now();

export function edge(secondsAhead = 0, db: D1Database = DB): Send {
  const clock = createStillClock(NOW);
  clock.advance(secondsAhead);
  return createWorker({ DB: db }, clock);
}

/** Mints a token that expires ten minutes and `secondsLater` seconds after `NOW`. */
export const mintTokenAt = (changed: Record<string, unknown>, secondsLater = 0) =>
  mintToken({ exp: claims({}, NOW).exp + secondsLater, ...changed });

type Put = { readonly sub?: string; readonly headers?: Readonly<Record<string, string>> };

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

export const readValues = async (row: Row) =>
  [...(await readHistory(row.id)), await readEvaluation(row.id)].map((entry) => entry?.value);
