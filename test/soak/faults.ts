/**
 * Decides which calls to D1 fail, and how. The Worker's retries hide most faults from callers,
 * except in an outage.
 */

/**
 * How a call to D1 can fail:
 * - `fails`: the call never reaches D1,
 * - `is lost`: D1 commits, but the response is lost,
 * - `meets overload`: D1 refuses the call because it is overloaded,
 * - `hangs`: D1 commits, but the Worker's timeout ends before a response comes.
 */
const FATES = ['fails', 'is lost', 'meets overload', 'hangs'] as const;
export type Fate = (typeof FATES)[number];

export type Faults = { calls: number } & Record<Fate, number>;

type Odds = Readonly<Record<Fate, number>>;

const USUAL: Odds = { fails: 0.01, 'is lost': 0.01, 'meets overload': 0.002, hangs: 0.0002 };
const OUTAGE: Odds = { fails: 0.35, 'is lost': 0.25, 'meets overload': 0.15, hangs: 0 };
const OUTAGE_EVERY_MS = 8000;
const OUTAGE_MS = 900;

/**
 * Returns how a call fails, or undefined if it succeeds. `now` is in milliseconds. `chance` is a
 * random number from 0 to below 1.
 */
export function pickFate(now: number, chance: number): Fate | undefined {
  const odds = now % OUTAGE_EVERY_MS < OUTAGE_MS ? OUTAGE : USUAL;
  let left = chance;
  return FATES.find((fate) => {
    left -= odds[fate];
    return left < 0;
  });
}
