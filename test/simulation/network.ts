/**
 * The way between an edge and a database. A call can be lost on its way there, or its answer on the
 * way back. A call can be slow, arrive after its sender has given up, or arrive twice.
 */
import type { Random } from '../soak/random.ts';
import type { Timeline } from './timeline.ts';

/** The fates of a call. Three calls of four have the first one. */
const FATES = ['arrives', 'is lost', 'answer is lost', 'is slow', 'is late', 'is doubled'] as const;
const TROUBLE_ODDS = 0.25;
const USUAL_MAX_MS = 20;
/** An attempt is given up after 5 s (connection.ts). */
const SLOW_MAX_MS = 7000;
const LATE_MAX_MS = 8000;

/** What became of a request's calls. */
export type Calls = { readonly fates: string[]; readonly arrivals: number[] };

export type Network = ReturnType<typeof createNetwork>;

export function createNetwork(timeline: Timeline, random: Random) {
  return { send };

  /** Takes the work to its database, and the result back. */
  function send<T>(work: () => T | Promise<T>, { fates, arrivals }: Calls): Promise<T> {
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
