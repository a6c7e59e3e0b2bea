/**
 * Simulates the network between an edge (a location where Cloudflare runs the Worker) and a
 * database. The network can lose a call or its answer. A call can also be slow, arrive after the
 * Worker has given up, or arrive twice.
 */
import type { Random } from '../soak/random.ts';
import type { Timeline } from './timeline.ts';

/**
 * The fates of a call: what the network can do to the call. For a quarter of the calls
 * (TROUBLE_ODDS), the network picks one of these fates at random. Every other call has the fate
 * "arrives".
 */
const FATES = ['arrives', 'is lost', 'answer is lost', 'is slow', 'is late', 'is doubled'] as const;
const TROUBLE_ODDS = 0.25;
const USUAL_MAX_MS = 20;
/**
 * The longest delay of a slow call. It is longer than 5 s, the time after which the Worker abandons
 * an attempt (src/db/connection.ts). So the Worker abandons some of the slow calls.
 */
const SLOW_MAX_MS = 7000;
const LATE_MAX_MS = 8000;

/**
 * Records what happened to the calls of one request. `fates` has the fate of each call (FATES).
 * `arrivals` has the times at which calls arrived at the database, in milliseconds since 1970.
 */
export type Calls = { readonly fates: string[]; readonly arrivals: number[] };

export type Network = ReturnType<typeof createNetwork>;

export function createNetwork(timeline: Timeline, random: Random) {
  return { sendCall };

  /**
   * Simulates one call: carries the call to the database, runs `work` when the call arrives, and
   * carries the result back. Both ways take time. The network may lose, delay or repeat the call
   * (FATES).
   */
  function sendCall<T>(work: () => T | Promise<T>, { fates, arrivals }: Calls): Promise<T> {
    const fate = random.chance(TROUBLE_ODDS) ? random.pick(FATES) : 'arrives';
    const there = random.below(USUAL_MAX_MS) + 1;
    const back = random.below(USUAL_MAX_MS) + 1;
    const late = there + random.below(LATE_MAX_MS);
    fates.push(fate);
    return new Promise((resolve, reject) => {
      const fail = (thrown: unknown) => timeline.after(back, () => reject(thrown));
      const lose = () => fail(new Error('D1_ERROR: Network connection lost.'));
      const arrive = async (): Promise<T> => {
        arrivals.push(timeline.now());
        return work();
      };
      const answer = () =>
        arrive().then((result) => timeline.after(back, () => resolve(result)), fail);
      const ignore = () => arrive().catch(() => {});
      if (fate === 'is lost') timeline.after(there, lose);
      else if (fate === 'answer is lost') timeline.after(there, () => ignore().then(lose));
      else if (fate === 'is slow') timeline.after(random.below(SLOW_MAX_MS), answer);
      else if (fate === 'is late') {
        timeline.after(there, lose);
        timeline.after(late, ignore);
      } else {
        timeline.after(there, answer);
        if (fate === 'is doubled') timeline.after(late, ignore);
      }
    });
  }
}
