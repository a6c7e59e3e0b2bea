/** Time as a dependency, so that a test can hold it still and move it. */
export type Clock = {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** A signal that aborts after so many milliseconds. */
  readonly timeout: (milliseconds: number) => AbortSignal;
};

/** Ends in time even where the work does not listen to the signal: a body that trickles, for instance. */
export function within<T>(clock: Clock, milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = clock.timeout(milliseconds);
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`did not answer within ${milliseconds} ms`)));
  });
  return Promise.race([work(signal), aborted]);
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds) => scheduler.wait(milliseconds),
  timeout: (milliseconds) => AbortSignal.timeout(milliseconds),
};
