/** The current time and timers. A test passes a clock that the test can stop and move. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Calls `action` after `milliseconds`. Returns a function that cancels the call. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Returns the result of `work`. If `work` takes longer than `milliseconds`, calls `onTimeout` and
 * throws.
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

const POLL_MS = 10;

/**
 * Waits until `isRunning` returns false, but at most `milliseconds`. A request uses its own timers,
 * because a promise of a cancelled request may never settle (auth/README.md).
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
  // A signal of AbortSignal.timeout cannot be cancelled and would stay in memory until the timeout.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
