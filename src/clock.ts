/**
 * The current time and timers. Functions get a clock as an argument, so that a test can pass a
 * clock that the test stops and moves.
 */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Calls `action` after `milliseconds`. Returns a function that cancels the call. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Returns the result of `work`. If `work` takes longer than `milliseconds`, calls `onTimeout` and
 * throws. This function does not wait for `work` to end, because `work` may never end. An example
 * is reading the body of a response that arrives byte by byte.
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

/** `waitWhile` checks at this interval whether the work has ended. */
const POLL_MS = 10;

/**
 * Waits until `isRunning` returns false, but at most `milliseconds`. A request calls this function
 * to wait for work that another request has started, such as a fetch of the key set.
 * The request waits with its own timers, and never awaits a promise of another request. If request
 * B awaited a promise of request A and the caller of A disconnected, workerd would cancel A. Then B
 * could wait forever (auth/README.md).
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
  // This function uses setTimeout because clearTimeout can cancel it. AbortSignal.timeout cannot be
  // cancelled: its signal would stay in memory until the timeout, even if the request ends earlier.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
