/** Time as a dependency, so that a test can stop the clock and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Runs `action` after the time has passed, unless the returned function is called before. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Returns the result of the work, or rejects after the timeout. Rejects on time even if the work
 * ignores `onTimeout`, for example while a body arrives slowly.
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

/** How long a request waits before it looks again whether work that several share has ended. */
const POLL_MS = 10;

/**
 * Waits while work runs that several requests share, for so long at most. Each request waits with
 * timers of its own and awaits no promise of another: workerd cancels what a request does when its
 * caller disconnects, and writes a warning for each promise that it leaves behind.
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
  // Not AbortSignal.timeout, which cannot be cancelled: it would outlive its request by up to the
  // whole timeout.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
