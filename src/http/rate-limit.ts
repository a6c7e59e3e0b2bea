/**
 * Limits how many requests each caller may send. The count of Cloudflare's binding is approximate
 * and separate for each location (Workers: Rate Limiting). An account as a whole has no limit.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { collectMessages, Failure } from '../failure.ts';
import { allows, type Principal } from '../principal.ts';

/** The period over which the binding counts requests, as set in wrangler.toml. */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/** The binding counts where the Worker runs. A binding that takes longer than this is broken. */
const LIMITER_TIMEOUT_MS = 500;

/**
 * Counts a request for its caller. `params` contains the parameters of the path.
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
    // A broken limiter must not take the service down.
    const { success } = await countRequest(limiter, createCounterKey(principal), clock).catch(
      (thrown: unknown) => {
        console.warn(
          JSON.stringify({ warning: 'rate_limiter_failed', cause: collectMessages(thrown) }),
        );
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
 * Returns true if the token is restricted to another run or evaluation. The operation refuses the
 * request without a call to D1, so the request does not count.
 */
function isOutside(principal: Principal, { run_id, id, evaluation_id }: Params): boolean {
  const runId = run_id ?? id;
  if (runId === undefined) return false;
  const run = { run_id: runId.toLowerCase() };
  return !allows(
    principal,
    evaluation_id === undefined ? run : { ...run, id: evaluation_id.toLowerCase() },
  );
}

/**
 * Returns the key under which the binding counts a request. Each link has its own key, and so has
 * each combination of subject, run and evaluation. The key is JSON, because a name may contain any
 * separator.
 */
const createCounterKey = ({ account, subject, run, evaluation, link }: Principal) =>
  JSON.stringify(link === undefined ? [account, subject, run, evaluation] : [account, link]);

/** Is `async`, so that an error of the binding becomes a rejected promise. */
const countRequest = async (limiter: RateLimit, key: string, clock: Clock) =>
  withTimeout(clock, LIMITER_TIMEOUT_MS, limiter.limit({ key }));
