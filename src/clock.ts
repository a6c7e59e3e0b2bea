/** Time as a dependency, so that a test can stop the clock and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Runs `action` after the time has passed. The returned function cancels the action. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Returns the result of the work, or calls `onTimeout` and rejects after the timeout. Rejects on
 * time even if the work does not stop, for example while a body arrives slowly.
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

/** A waiting request checks this often whether the shared work has ended. */
const POLL_MS = 10;

/**
 * Waits until work that several requests share has ended, but at most `milliseconds`. Each request
 * waits with its own timers and awaits no promise of another request. When a caller disconnects,
 * workerd cancels its request, and writes a warning for each promise that the request leaves
 * behind.
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
  // AbortSignal.timeout cannot be cancelled: it would outlive its request by up to the whole
  // timeout.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
