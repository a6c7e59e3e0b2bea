/**
 * How many requests an account may make, counted by the Workers rate limiting binding: per account and Cloudflare
 * location, without a round trip, and approximately (Workers: Rate Limiting). Where it is not bound nothing is limited.
 */
import { Failure, messageOf } from '../failure';
import type { Principal } from '../principal';

/** The period of the limit in wrangler.toml: after it, a whole new allowance is there. */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/** @throws {Failure} `rate_limited`. */
export type Admit = (principal: Principal) => Promise<void>;

export function accountLimit(limiter: RateLimit | undefined): Admit | undefined {
  if (!limiter) return undefined;
  return async function admit({ account }) {
    // A limiter that fails costs its protection; refusing everybody for it would cost the service.
    const { success } = await limiter.limit({ key: account }).catch((thrown: unknown) => {
      console.warn(JSON.stringify({ warning: 'rate_limiter_failed', cause: messageOf(thrown) }));
      return { success: true };
    });
    if (!success) throw new Failure({ kind: 'rate_limited', retryAfterSeconds: RATE_LIMIT_PERIOD_SECONDS });
  };
}
