/**
 * Virtual time. Every wait in the simulated world is an event on one timeline, so a run of minutes
 * takes milliseconds, and the same seed gives the same order of events.
 */
import type { Clock } from '../../src/clock.ts';

/** A run takes about two minutes of virtual time. */
const RUN_MAX_MS = 3_600_000;

/** An event without an action was cancelled. */
type Event = { readonly at: number; readonly order: number; action: (() => void) | undefined };

export type Timeline = ReturnType<typeof createTimeline>;

/** @param start the first time, in milliseconds since 1970 */
export function createTimeline(start: number) {
  /** A binary heap: no event comes before its parent, which is at half its index. */
  const heap: Event[] = [];
  let time = start;
  let order = 0;
  return { now: () => time, after, sleep, clockOf, run };

  /** Runs the action after the time has passed, unless the returned function is called before. */
  function after(milliseconds: number, action: () => void): () => void {
    const event: Event = { at: time + Math.max(milliseconds, 0), order, action };
    order += 1;
    add(event);
    return () => {
      event.action = undefined;
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
          let event = takeNext();
          while (event && !event.action) event = takeNext();
          if (!event) return resolve();
          time = event.at;
          if (time - start > RUN_MAX_MS) throw new Error('events follow each other for ever');
          event.action?.();
          queueMicrotask(() => process.nextTick(step));
        } catch (thrown) {
          reject(thrown);
        }
      };
      step();
    });
  }

  function add(event: Event): void {
    let index = heap.push(event) - 1;
    while (index > 0) {
      const half = (index - 1) >> 1;
      const parent = heap[half];
      if (!parent || isBefore(parent, event)) break;
      heap[index] = parent;
      index = half;
    }
    heap[index] = event;
  }

  function takeNext(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (!last || last === first) return first;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const child = left && right && isBefore(right, left) ? right : left;
      if (!child || isBefore(last, child)) break;
      heap[index] = child;
      index = 2 * index + (child === left ? 1 : 2);
    }
    heap[index] = last;
    return first;
  }
}

const isBefore = (one: Event, other: Event) =>
  one.at < other.at || (one.at === other.at && one.order < other.order);
