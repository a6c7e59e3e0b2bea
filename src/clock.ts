/** Time as a dependency, so that a test can hold it still and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** Does something after so many milliseconds, unless what it returns is called before. */
  readonly after: (milliseconds: number, action: () => void) => () => void;
};

/** Ends in time even where the work does not listen to `giveUp`: a body that trickles, for instance. */
export async function within<T>(
  clock: Clock,
  milliseconds: number,
  work: Promise<T>,
  giveUp: () => void = () => {},
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(milliseconds, () => {
    giveUp();
    late.reject(new Error(`did not answer within ${milliseconds} ms`));
  });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds) => scheduler.wait(milliseconds),
  // Not AbortSignal.timeout, which nothing cancels: each would live on for its whole time, behind every request.
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
