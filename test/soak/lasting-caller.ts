/**
 * Repeats each request that a kill of workerd interrupted. While workerd is down, requests wait.
 */
import type { Call, Caller, Outcome } from './caller.ts';

type LastingCaller = Pick<Caller, 'call'> & {
  /** Makes requests wait. Resolves with the number of writes that the kill interrupted. */
  readonly stopSending: () => Promise<number>;
  /** Sends the interrupted requests again. Resolves when all of them have ended. */
  readonly resumeSending: (caller: Caller) => Promise<void>;
};

export function createLastingCaller(first: Caller): LastingCaller {
  /** This promise is pending while workerd is down. */
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
      // Without a kill, a broken connection is an error. A kill replaces `current`.
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
