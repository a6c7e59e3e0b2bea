/**
 * Gives the tests a rate limiter of the local runtime, with a limit that a test reaches quickly.
 */
import { env } from 'cloudflare:workers';
import type { Send } from './worker.ts';

/**
 * A rate limiter that allows three requests in ten seconds of real time (test/vitest.config.ts).
 */
export const { SMALL_RATE_LIMITER } = env as typeof env & {
  readonly SMALL_RATE_LIMITER: RateLimit;
};

/** Sends requests until one gets 429. On a slow machine, more than three requests succeed. */
export async function sendUntilLimited(
  send: Send,
  make: (n: number) => Request | Promise<Request>,
): Promise<number[]> {
  const statuses: number[] = [];
  while (statuses.at(-1) !== 429 && statuses.length < 100)
    statuses.push((await send(await make(statuses.length))).status);
  return statuses;
}
