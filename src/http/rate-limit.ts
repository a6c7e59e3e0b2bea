/**
 * How many requests a subject of an account may make, counted by the Workers rate limiting binding: in each Cloudflare
 * location, without a round trip, and approximately (Workers: Rate Limiting). If it is not bound, nothing is limited. The
 * trade: an account's total is bounded only by how many subjects its issuer has.
 */
import { type Clock, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import { allows, type Principal } from '../principal.ts';

/** The period of the limit in wrangler.toml: after it, the count starts anew. */
const RATE_LIMIT_PERIOD_SECONDS = 10;

/** The count is kept in the same location: what takes longer is broken. */
const LIMITER_TIMEOUT_MS = 500;

/**
 * `params` are those of the path.
 * @throws {Failure} `rate_limited`.
 */
export type RateLimiter = (principal: Principal, params: Params) => Promise<void>;

type Params = { readonly [name: string]: string };

export function createRateLimiter(
  limiter: RateLimit | undefined,
  clock: Clock,
): RateLimiter | undefined {
  if (!limiter) return undefined;
  return async function rateLimit(principal, params) {
    if (isOutside(principal, params)) return;
    // A limiter that fails must not take the service down: the request goes on, with a warning.
    const { success } = await ask(limiter, keyOf(principal), clock).catch((thrown: unknown) => {
      console.warn(JSON.stringify({ warning: 'rate_limiter_failed', cause: messageOf(thrown) }));
      return { success: true };
    });
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
 * What a token's restriction refuses never reaches D1, and does not use up the allowance of whoever it was made for. A path
 * without a run is counted: `id` is that of a run, other resources name theirs otherwise.
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
 * A restricted token is counted apart from its account: it may be in many hands. As JSON, so that no two principals share
 * a key whatever their names hold.
 */
const keyOf = ({ account, subject, run, evaluation }: Principal) =>
  JSON.stringify([account, subject, run, evaluation]);

/** Async, so that what the binding throws at once is a rejection too. */
const ask = async (limiter: RateLimit, key: string, clock: Clock) =>
  withTimeout(clock, LIMITER_TIMEOUT_MS, limiter.limit({ key }));
