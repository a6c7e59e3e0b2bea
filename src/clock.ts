/** Time as a dependency, so that a test can hold it still and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Runs the action after so many milliseconds, unless the function that it returns is called before. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/**
 * Settles in time even if the work ignores `onTimeout`, as a body that trickles does.
 * @throws {Error} `did not answer within N ms`
 */
export async function withTimeout<T>(
  clock: Clock,
  milliseconds: number,
  work: Promise<T>,
  onTimeout: () => void = () => {},
): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const cancel = clock.after(milliseconds, () => {
    onTimeout();
    timeout.reject(new Error(`did not answer within ${milliseconds} ms`));
  });
  try {
    return await Promise.race([work, timeout.promise]);
  } finally {
    cancel();
  }
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds) => scheduler.wait(milliseconds),
  // Not AbortSignal.timeout, which nothing cancels: each would outlive its request by the whole timeout.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
