/**
 * A caller for the crash test, which kills workerd. While workerd is down, new requests wait. When
 * workerd is up again, the caller repeats each request that a kill interrupted. The repeated
 * request is the same as the first.
 */
import type { Call, Caller, Outcome } from './caller.ts';

type LastingCaller = Pick<Caller, 'call'> & {
  /**
   * Must be called immediately after the kill. From this call on, new requests wait. When all
   * requests that were sent before the kill have ended, resolves with the number of writes that the
   * kill interrupted.
   */
  readonly stopSending: () => Promise<number>;
  /**
   * Sends the waiting and the interrupted requests through a new caller. Resolves when all
   * interrupted requests have responses. So the next kill cannot interrupt a request for the second
   * time.
   */
  readonly resumeSending: (caller: Caller) => Promise<void>;
};

export function createLastingCaller(first: Caller): LastingCaller {
  /**
   * A promise of the caller that sends the requests. While workerd is down, the promise is pending.
   */
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
      // `stopSending` replaces `current` after a kill. If `current` is still the same, the
      // connection broke without a kill, which is an error.
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
