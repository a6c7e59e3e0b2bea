/**
 * How many requests an account may make, counted by the Workers rate limiting binding: per account and Cloudflare
 * location, without a round trip, and approximately (Workers: Rate Limiting). Where it is not bound nothing is limited.
 */
import { type Clock, within } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import type { Principal } from '../principal.ts';

/** The period of the limit in wrangler.toml: after it, a whole new allowance is there. */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/** The count is at hand in the same location: what takes longer is broken. */
const LIMITER_TIMEOUT_MS = 500;

/** @throws {Failure} `rate_limited`. */
export type Admit = (principal: Principal) => Promise<void>;

export function accountLimit(limiter: RateLimit | undefined, clock: Clock): Admit | undefined {
  if (!limiter) return undefined;
  return async function admit({ account }) {
    // A limiter that fails costs its protection; refusing everybody for it would cost the service.
    const { success } = await ask(limiter, account, clock).catch((thrown: unknown) => {
      console.warn(JSON.stringify({ warning: 'rate_limiter_failed', cause: messageOf(thrown) }));
      return { success: true };
    });
    if (!success) throw new Failure({ kind: 'rate_limited', retryAfterSeconds: RATE_LIMIT_PERIOD_SECONDS });
  };
}

/** Async, so that what the binding throws at once is a rejection too. */
const ask = async (limiter: RateLimit, key: string, clock: Clock) =>
  within(clock, LIMITER_TIMEOUT_MS, limiter.limit({ key }));
