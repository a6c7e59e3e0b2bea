/**
 * A caller for the crash test that survives the kills of workerd. While workerd is down, new
 * requests wait. When workerd is up again, the caller repeats each request that a kill interrupted,
 * unchanged.
 */
import type { Call, Caller, Outcome } from './caller.ts';

type LastingCaller = Pick<Caller, 'call'> & {
  /**
   * Must be called immediately after the kill. New requests wait from now on. Resolves once all
   * requests under way have ended, with the number of writes that the kill interrupted.
   */
  readonly stopSending: () => Promise<number>;
  /**
   * Sends the waiting and the interrupted requests through a new caller. Resolves once the
   * interrupted requests have responses, so that a second kill cannot interrupt them again.
   */
  readonly resumeSending: (caller: Caller) => Promise<void>;
};

export function createLastingCaller(first: Caller): LastingCaller {
  /** Resolves with the caller to use. It is pending while workerd is down. */
  let current = Promise.withResolvers<Caller>();
  current.resolve(first);
  const underWay = new Map<Promise<Outcome>, Call>();
  const repeated = new Set<Promise<Outcome>>();

  async function call(wanted: Call): Promise<Outcome> {
    const used = current;
    const caller = await used.promise;
    const outcome = caller.call(wanted);
    underWay.set(outcome, wanted);
    try {
      return await outcome;
    } catch (thrown) {
      // If nobody has called `stopSending`, the connection broke without a kill.
      if (current === used) throw thrown;
      const again = current.promise.then((next) => next.call(wanted));
      repeated.add(again);
      const { answer, uncertain } = await again.finally(() => repeated.delete(again));
      return { answer, uncertain: uncertain + 1 };
    } finally {
      underWay.delete(outcome);
    }
  }

  async function stopSending(): Promise<number> {
    current = Promise.withResolvers();
    const writes = [...underWay].filter(([, { method }]) => method !== 'GET');
    await Promise.allSettled(underWay.keys());
    const ends = await Promise.allSettled(writes.map(([outcome]) => outcome));
    return ends.filter((end) => end.status === 'rejected' && isReset(end.reason)).length;
  }

  async function resumeSending(caller: Caller): Promise<void> {
    current.resolve(caller);
    await Promise.allSettled(repeated);
  }

  return { call, stopSending, resumeSending };
}

const isReset = (thrown: unknown) =>
  thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNRESET';
