/**
 * Simulates the network between an edge (a location where Cloudflare runs the Worker) and a
 * database.
 */
import type { Random } from '../soak/random.ts';
import type { Timeline } from './timeline.ts';

const FATES = ['arrives', 'is lost', 'answer is lost', 'is slow', 'is late', 'is doubled'] as const;
const TROUBLE_ODDS = 0.25;
const USUAL_MAX_MS = 20;
/** The limit for a slow call. The Worker abandons an attempt after 5 s (src/db/connection.ts). */
const SLOW_MAX_MS = 7000;
const LATE_MAX_MS = 8000;

/** The fates of a request's database calls, and their arrival times in ms since 1970. */
export type Calls = { readonly fates: string[]; readonly arrivals: number[] };

export type Network = ReturnType<typeof createNetwork>;

export function createNetwork(timeline: Timeline, random: Random) {
  return { sendCall };

  /** Sends a call to the database, runs `work` there, and returns the result. */
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
