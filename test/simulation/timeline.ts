/**
 * Simulates time. Every wait in a run is an event on one timeline, and time jumps from event to
 * event. So minutes of simulated time take less than a second, and a seed always gives the same
 * order of events.
 */
import type { Clock } from '../../src/clock.ts';

/**
 * The longest simulated time that a run may take. A longer run would never end, so it is stopped
 * with an error. A run usually takes about two minutes of simulated time.
 */
const RUN_MAX_MS = 3_600_000;

type Event = { readonly at: number; readonly action: () => void };

export type Timeline = ReturnType<typeof createTimeline>;

/** Creates a timeline that begins at `start`, in milliseconds since 1970. */
export function createTimeline(start: number) {
  /** Future events, the latest first. The next event is the last element. */
  const events: Event[] = [];
  let time = start;
  return { now: () => time, after, sleep, createClock, runEvents };

  /**
   * Runs the action when `milliseconds` of simulated time have passed. The returned function
   * cancels the action.
   */
  function after(milliseconds: number, action: () => void): () => void {
    const event = { at: time + Math.max(milliseconds, 0), action };
    // Events with the same time run in the order in which they were added.
    events.splice(events.findLastIndex(({ at }) => at > event.at) + 1, 0, event);
    return () => {
      const index = events.indexOf(event);
      if (index >= 0) events.splice(index, 1);
    };
  }

  function sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => after(milliseconds, resolve));
  }

  /**
   * Creates a clock that is `skew()` milliseconds ahead of the timeline, or behind if the number is
   * negative.
   */
  function createClock(skew: () => number): Clock {
    return { now: () => new Date(time + skew()), sleep, after };
  }

  /**
   * Runs one event after another, until no event is left. When an event begins, all promise
   * callbacks of the previous event must have run. So each event begins in `process.nextTick`,
   * which Node calls when no promise callback (microtask) is left (Node: process.nextTick).
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
