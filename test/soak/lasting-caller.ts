/**
 * Outlives the Worker. While workerd is down the caller waits. Once workerd is up, it sends a
 * request that was cut off again, unchanged.
 */
import type { Call, Caller, Outcome } from './caller.ts';

type LastingCaller = Pick<Caller, 'call'> & {
  /**
   * Is called with the kill. Resolves with the number of writes that were cut off, once no request
   * is under way.
   */
  readonly goDown: () => Promise<number>;
  /**
   * Lets everybody send again. Resolves once the cut-off requests are answered, so that no request
   * is cut off twice.
   */
  readonly goUp: (caller: Caller) => Promise<void>;
};

export function createLastingCaller(first: Caller): LastingCaller {
  let life = Promise.withResolvers<Caller>();
  life.resolve(first);
  const underWay = new Map<Promise<Outcome>, Call>();
  const repeated = new Set<Promise<Outcome>>();

  async function call(wanted: Call): Promise<Outcome> {
    const sentIn = life;
    const caller = await sentIn.promise;
    const outcome = caller.call(wanted);
    underWay.set(outcome, wanted);
    try {
      return await outcome;
    } catch (thrown) {
      // The connection broke without a kill.
      if (life === sentIn) throw thrown;
      const again = life.promise.then((next) => next.call(wanted));
      repeated.add(again);
      const { answer, uncertain } = await again.finally(() => repeated.delete(again));
      return { answer, uncertain: uncertain + 1 };
    } finally {
      underWay.delete(outcome);
    }
  }

  async function goDown(): Promise<number> {
    life = Promise.withResolvers();
    const writes = [...underWay].filter(([, { method }]) => method !== 'GET');
    await Promise.allSettled(underWay.keys());
    const ends = await Promise.allSettled(writes.map(([outcome]) => outcome));
    return ends.filter((end) => end.status === 'rejected' && isReset(end.reason)).length;
  }

  async function goUp(caller: Caller): Promise<void> {
    life.resolve(caller);
    await Promise.allSettled(repeated);
  }

  return { call, goDown, goUp };
}

const isReset = (thrown: unknown) =>
  thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNRESET';
