/**
 * Limits the requests of each caller: a link, or a subject of an account. The Workers rate limiting
 * binding counts the requests in each Cloudflare location, without a round trip, and approximately
 * (Workers: Rate Limiting). If the binding is missing, nothing is limited. The trade-off: an
 * account has no limit of its own. Its total grows with the number of its subjects and links.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import { allows, type Principal } from '../principal.ts';

/** The period of the limit in wrangler.toml. After each period the count starts from 0. */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/** The binding counts in the same location, so a limiter that takes longer is broken. */
const LIMITER_TIMEOUT_MS = 500;

/**
 * Counts a request. `params` contains the parameters of the path.
 * @throws {Failure} `rate_limited`.
 */
export type RateLimiter = (principal: Principal, params: Params) => Promise<void>;

type Params = { readonly [name: string]: string };

/** Creates the rate limiter; undefined if the deployment has no binding for it. */
export function createRateLimiter(
  limiter: RateLimit | undefined,
  clock: Clock,
): RateLimiter | undefined {
  if (!limiter) return undefined;
  return async function rateLimit(principal, params) {
    if (isOutside(principal, params)) return;
    // A limiter that fails must not take the service down: the request continues, with a warning.
    const { success } = await count(limiter, createCounterKey(principal), clock).catch(
      (thrown: unknown) => {
        console.warn(JSON.stringify({ warning: 'rate_limiter_failed', cause: messageOf(thrown) }));
        return { success: true };
      },
    );
    if (!success) {
      throw new Failure(
        'rate_limited',
        'Too many requests from this caller: send the same request again later.',
        {
          retryAfterSeconds: RATE_LIMIT_PERIOD_SECONDS,
        },
      );
    }
  };
}

/**
 * Returns true if the path is outside the token's restriction. Such a request never reaches D1, and
 * must not use up the token's limit. `id` is a run's id, because other resources name their
 * parameters differently. A path without a run is never outside.
 */
function isOutside(principal: Principal, { run_id, id, evaluation_id }: Params): boolean {
  const asked = run_id ?? id;
  if (asked === undefined) return false;
  const run = { run_id: asked.toLowerCase() };
  return !allows(
    principal,
    evaluation_id === undefined ? run : { ...run, id: evaluation_id.toLowerCase() },
  );
}

/**
 * Returns the key that the binding counts by. Each link has its own count. So a revoked link does
 * not use up the limit of its replacement, and a sender that floods one link blocks no other link.
 * Each restriction has its own count too, because many people may have restricted tokens. JSON
 * keeps the keys of different callers apart.
 */
const createCounterKey = ({ account, subject, run, evaluation, link }: Principal) =>
  JSON.stringify(link === undefined ? [account, subject, run, evaluation] : [account, link]);

/**
 * Calls the binding. `async` turns an error that the binding throws synchronously into a rejection.
 */
const count = async (limiter: RateLimit, key: string, clock: Clock) =>
  withTimeout(clock, LIMITER_TIMEOUT_MS, limiter.limit({ key }));
