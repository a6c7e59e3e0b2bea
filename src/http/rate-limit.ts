/**
 * Limits how many requests each caller may send. Each link counts as one caller, and so does each
 * subject of an account. Tokens may also be restricted to one run or one evaluation. For each such
 * run or evaluation, the subject counts as a separate caller.
 *
 * The Workers rate limiting binding counts the requests, separately in each Cloudflare location.
 * Its count is approximate and needs no round trip (Workers: Rate Limiting). If the deployment does
 * not have the binding, the Worker limits nothing.
 *
 * The trade-off: an account as a whole has no limit. The more callers an account has, the more
 * requests it may send.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import { allows, type Principal } from '../principal.ts';

/**
 * The period over which the binding counts requests, as set in wrangler.toml. After each period the
 * count starts again at 0.
 */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/**
 * The longest time that a request waits for the binding. The binding counts in the Cloudflare
 * location where the Worker runs, so a binding that takes longer than this is broken.
 */
const LIMITER_TIMEOUT_MS = 500;

/**
 * Counts a request for its caller. `params` contains the parameters of the path.
 * @throws {Failure} `rate_limited` if the caller has sent too many requests.
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
    // If the binding fails, the request continues with a warning, because a broken limiter must not
    // take the service down.
    const { success } = await countRequest(limiter, createCounterKey(principal), clock).catch(
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
 * Returns true if the token is restricted to one run or one evaluation, and the path is outside
 * that run or evaluation. The operation refuses such a request without a call to D1. So the request
 * does not count against the limit.
 *
 * Returns false if the path contains no run id. In `/v1/run/{id}/evaluations`, `id` is the run's
 * id; no other path has a parameter `id`.
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
 * Returns the key under which the binding counts a request.
 * - Each link has its own count. A sender that floods one link blocks no other link. If a link is
 *   revoked and replaced, requests to the old link do not use up the limit of the new link.
 * - Each subject has its own count for its tokens without a restriction.
 * - Many people may have tokens with the same subject that are restricted to one run or one
 *   evaluation. So each such run or evaluation has a count of its own too.
 * - The key is JSON, so different callers never have the same key: a comma in a name cannot make
 *   `["a", "b"]` look like `["a,b"]`.
 */
const createCounterKey = ({ account, subject, run, evaluation, link }: Principal) =>
  JSON.stringify(link === undefined ? [account, subject, run, evaluation] : [account, link]);

/**
 * Calls the binding. If the binding throws an error, `async` turns the error into a rejected
 * promise, which the rate limiter catches.
 */
const countRequest = async (limiter: RateLimit, key: string, clock: Clock) =>
  withTimeout(clock, LIMITER_TIMEOUT_MS, limiter.limit({ key }));
