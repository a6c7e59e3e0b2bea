/**
 * How many requests an account may make, counted by the Workers rate limiting binding: per account and Cloudflare
 * location, without a round trip, and approximately (Workers: Rate Limiting). If it is not bound, nothing is limited.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import type { Principal } from '../principal.ts';

/** The period of the limit in wrangler.toml: after it, the count starts anew. */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/** The count is kept in the same location: what takes longer is broken. */
const LIMITER_TIMEOUT_MS = 500;

/** @throws {Failure} `rate_limited`. */
export type RateLimiter = (principal: Principal) => Promise<void>;

export function createRateLimiter(limiter: RateLimit | undefined, clock: Clock): RateLimiter | undefined {
  if (!limiter) return undefined;
  return async function rateLimit({ account }) {
    // A limiter that fails must not take the service down: the request goes on, with a warning.
    const { success } = await ask(limiter, account, clock).catch((thrown: unknown) => {
      console.warn(JSON.stringify({ warning: 'rate_limiter_failed', cause: messageOf(thrown) }));
      return { success: true };
    });
    if (!success) {
      throw new Failure('rate_limited', 'Too many requests for this account: send the same request again later.', {
        retryAfterSeconds: RATE_LIMIT_PERIOD_SECONDS,
      });
    }
  };
}

/** Async, so that what the binding throws at once is a rejection too. */
const ask = async (limiter: RateLimit, key: string, clock: Clock) =>
  withTimeout(clock, LIMITER_TIMEOUT_MS, limiter.limit({ key }));
