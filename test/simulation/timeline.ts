/**
 * Simulates time. Every wait in the simulated world is an event on one timeline. So a run of minutes
 * takes less than a second, and the same seed gives the same order of events.
 */
import type { Clock } from '../../src/clock.ts';

/** The bound for a run, which usually takes about two minutes of simulated time. */
const RUN_MAX_MS = 3_600_000;

type Event = { readonly at: number; readonly action: () => void };

export type Timeline = ReturnType<typeof createTimeline>;

/** Creates a timeline that begins at `start`, in milliseconds since 1970. */
export function createTimeline(start: number) {
  /** The events to come. The next event is the last of the list. */
  const events: Event[] = [];
  let time = start;
  return { now: () => time, after, sleep, createClock, runEvents };

  /** Runs the action after the time has passed. The returned function cancels the action. */
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

  /** Creates the clock of a machine that is ahead by `skew` milliseconds. */
  function createClock(skew: () => number): Clock {
    return { now: () => new Date(time + skew()), sleep, after };
  }

  /**
   * Runs all events. The next event waits until all promises of the last one have settled: Node runs
   * a tick only when no microtask is left (Node: process.nextTick).
   */
  function runEvents(): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          const event = events.pop();
          if (!event) return resolve();
          time = event.at;
          if (time - start > RUN_MAX_MS) throw new Error('the events never end');
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
