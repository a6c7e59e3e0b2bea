/** Time as a dependency, so that a test can stop the clock and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Calls `action` after `milliseconds`. Returns a function that cancels the call. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Returns the result of `work`. If `work` takes longer than `milliseconds`, calls `onTimeout` and
 * rejects without waiting for `work` to end: a body that arrives slowly may take forever.
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
 * waits with its own timers, and never for a promise of another request. If the caller of request A
 * disconnects, workerd cancels A. If request B awaits a promise of A, then B hangs, or workerd
 * writes a warning (auth/README.md).
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
  // A timer can be cancelled, and an AbortSignal.timeout cannot. Such a signal would exist until
  // its timeout ends, even if the request has ended long before.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
