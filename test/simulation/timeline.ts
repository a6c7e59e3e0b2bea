/**
 * Virtual time. Every wait in the simulated world is an event on one timeline, so a run of minutes
 * takes milliseconds, and the same seed gives the same order of events.
 */
import type { Clock } from '../../src/clock.ts';

/** A run takes about two minutes of virtual time. */
const RUN_MAX_MS = 3_600_000;

type Event = { readonly at: number; readonly action: () => void };

export type Timeline = ReturnType<typeof createTimeline>;

/** @param start the first time, in milliseconds since 1970 */
export function createTimeline(start: number) {
  /** The events to come, the next one last. */
  const events: Event[] = [];
  let time = start;
  return { now: () => time, after, sleep, clockOf, run };

  /** Runs the action after the time has passed, unless the returned function is called before. */
  function after(milliseconds: number, action: () => void): () => void {
    const event = { at: time + Math.max(milliseconds, 0), action };
    // Events of one moment run in the order in which they were added.
    events.splice(events.findLastIndex(({ at }) => at > event.at) + 1, 0, event);
    return () => {
      const index = events.indexOf(event);
      if (index >= 0) events.splice(index, 1);
    };
  }

  function sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => after(milliseconds, resolve));
  }

  /** Returns the clock of a machine that is ahead by so many milliseconds. */
  function clockOf(skew: () => number): Clock {
    return { now: () => new Date(time + skew()), sleep, after };
  }

  /**
   * Runs all events. The next event waits until all promises of the last one have settled: Node runs
   * a tick only when no microtask is left (Node: process.nextTick).
   */
  function run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          const event = events.pop();
          if (!event) return resolve();
          time = event.at;
          if (time - start > RUN_MAX_MS) throw new Error('events follow each other for ever');
          event.action();
          queueMicrotask(() => process.nextTick(step));
        } catch (thrown) {
          reject(thrown);
        }
      };
      step();
    });
  }
}
