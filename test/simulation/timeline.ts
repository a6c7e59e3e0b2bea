/**
 * Simulates time: every wait is an event, and time jumps from event to event. A seed always gives
 * the same order of events.
 */
import type { Clock } from '../../src/clock.ts';

/** The limit for the simulated duration of a run. */
const RUN_MAX_MS = 3_600_000;

type Event = { readonly at: number; readonly action: () => void };

export type Timeline = ReturnType<typeof createTimeline>;

export function createTimeline(start: number) {
  /** Future events, sorted from the latest to the earliest. */
  const events: Event[] = [];
  let time = start;
  return { now: () => time, after, sleep, createClock, runEvents };

  /** Schedules the action, and returns a function that cancels it. */
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

  /** Creates a clock that is `skew()` milliseconds ahead of the timeline. */
  function createClock(skew: () => number): Clock {
    return { now: () => new Date(time + skew()), sleep, after };
  }

  /**
   * Runs all events. `process.nextTick` delays each event until the promise callbacks of the
   * previous event have run.
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
