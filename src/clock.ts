/** Time as a dependency, so that a test can stop the clock and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Calls `action` after `milliseconds`. Returns a function that cancels the call. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Returns the result of `work`. After the timeout, calls `onTimeout` and rejects, even if `work`
 * does not stop, for example while a body arrives slowly.
 * @throws {Error} `did not answer within N ms`
 */
export function withTimeout<T>(
  clock: Clock,
  milliseconds: number,
  work: Promise<T>,
  onTimeout: () => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(milliseconds, () => {
      onTimeout();
      reject(new Error(`did not answer within ${milliseconds} ms`));
    });
    work.then(resolve, reject).finally(cancel);
  });
}

/** How often a waiting request checks whether the shared work has ended. */
const POLL_MS = 10;

/**
 * Waits until work that several requests share has ended, but at most `milliseconds`. Each request
 * waits with its own timers and awaits no promise of another request. If a caller disconnects,
 * workerd cancels its request. Another request that awaits a promise of that request hangs, or
 * workerd writes a warning (auth/README.md).
 */
export async function waitWhile(
  clock: Clock,
  milliseconds: number,
  isRunning: () => boolean,
): Promise<void> {
  const end = clock.now().getTime() + milliseconds;
  while (isRunning() && clock.now().getTime() < end) await clock.sleep(POLL_MS);
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds) => scheduler.wait(milliseconds),
  // Uses a timer and not AbortSignal.timeout, which cannot be cancelled: it would outlive the
  // request by up to the whole timeout.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
