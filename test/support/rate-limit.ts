/**
 * Gives the tests a rate limiter of the local runtime, not a mock. The limit is so low that a test
 * can reach it.
 */
import { env } from 'cloudflare:workers';
import type { Send } from './worker.ts';

/**
 * A rate limiter that allows three requests in ten seconds of real time (test/vitest.config.ts).
 */
export const { SMALL_RATE_LIMITER } = env as typeof env & {
  readonly SMALL_RATE_LIMITER: RateLimit;
};

/**
 * Sends requests until the Worker responds with 429, but at most 100 requests. Returns the
 * statuses. The limiter allows three new requests every ten seconds. So if a machine is slow, the
 * Worker accepts more than three requests before the 429.
 */
export async function sendUntilLimited(
  send: Send,
  make: (n: number) => Request | Promise<Request>,
): Promise<number[]> {
  const statuses: number[] = [];
  while (statuses.at(-1) !== 429 && statuses.length < 100)
    statuses.push((await send(await make(statuses.length))).status);
  return statuses;
}
