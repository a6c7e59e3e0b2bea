/** Makes clocks that a test moves, so that no test waits for real time. */
import { onTestFinished, vi } from 'vitest';
import type { Clock } from '../../src/clock.ts';

/** A clock that stands still until a test calls `advance`. */
export type StillClock = Clock & { readonly advance: (seconds: number) => void };

export function createStillClock(start = new Date('2026-11-22T10:11:12.345Z')): StillClock {
  let time = start.getTime();
  let timers: { readonly at: number; readonly action: () => void }[] = [];
  return {
    now: () => new Date(time),
    // Lets other requests continue, but does not wait for the given time.
    sleep: () => scheduler.wait(0),
    after: (milliseconds, action) => {
      const timer = { at: time + milliseconds, action };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance: (seconds) => {
      time += seconds * 1000;
      const due = timers.filter(({ at }) => at <= time);
      timers = timers.filter(({ at }) => at > time);
      for (const { action } of due) action();
    },
  };
}

export const waitUntil = (expectation: () => void) =>
  vi.waitFor(expectation, { timeout: 20_000, interval: 5 });

/**
 * Returns a promise that stays pending until the test ends. workerd reports a promise that never
 * settles.
 */
export function makePending<T = never>(): Promise<T> {
  const { promise, reject } = Promise.withResolvers<T>();
  promise.catch(() => {});
  onTestFinished(() => reject(new Error('the test is over')));
  return promise;
}
