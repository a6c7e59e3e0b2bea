/**
 * Makes random choices, which are the same for the same seed. Timing decides which loop of the soak
 * gets which choice.
 */

export type Random = {
  readonly chance: (odds: number) => boolean;
  /** Returns a random integer from 0 to `bound - 1`. */
  readonly below: (bound: number) => number;
  readonly pick: <T>(list: readonly T[]) => T;
};

/** Creates a random generator with the algorithm Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    chance: (odds) => next() < odds,
    below,
    pick: <T>(list: readonly T[]): T => {
      const picked = list[below(list.length)];
      if (picked === undefined) throw new Error('There is nothing to pick from.');
      return picked;
    },
  };
}
