/**
 * Decides how often D1 fails, and in which way. The report in Node uses the numbers too, so they
 * are not in the Worker's file. Between the spells a request meets a fault now and then. In a spell
 * it may meet four in a row, and gets 503.
 */

/**
 * The fates of a call: D1 never sees it, its answer is lost after the commit, D1 refuses it, or D1
 * stays silent.
 */
const FATES = ['fails', 'is lost', 'is too much', 'hangs'] as const;
export type Fate = (typeof FATES)[number];

export type Faults = { calls: number } & Record<Fate, number>;

type Odds = Readonly<Record<Fate, number>>;

const USUAL: Odds = { fails: 0.01, 'is lost': 0.01, 'is too much': 0.002, hangs: 0.0002 };
const SPELL: Odds = { fails: 0.35, 'is lost': 0.25, 'is too much': 0.15, hangs: 0 };
const SPELL_EVERY_MS = 8000;
const SPELL_MS = 900;

/**
 * Draws the fate of a call that is made now, by a number from 0 to 1; undefined if the call passes.
 */
export function drawFate(now: number, chance: number): Fate | undefined {
  const odds = now % SPELL_EVERY_MS < SPELL_MS ? SPELL : USUAL;
  let left = chance;
  return FATES.find((fate) => {
    left -= odds[fate];
    return left < 0;
  });
}
