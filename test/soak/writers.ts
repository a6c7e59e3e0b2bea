/** Runs the callers of the crash test (crash.ts), which send every kind of write. */
import { audit, type Tally } from './audit.ts';
import type { Caller } from './caller.ts';
import { createLabels } from './labels.ts';
import { createLinks } from './links.ts';
import { createFirst, repeatByWeight, runLoops } from './load.ts';
import type { World } from './world.ts';
import { createEvaluation, deleteEvaluation, updateEvaluation } from './writes.ts';

export const WRITERS = 16;
/** The writers end after this many turns, even if the test never calls `stop`. */
const TURNS_MAX = 50_000;

export type Audited = {
  readonly tally: Tally;
  readonly links: { readonly revoked: number; readonly stored: number; readonly ignored: number };
  readonly labels: number;
};

export async function createWriters(world: World) {
  const [links, labels] = [createLinks(), createLabels()];
  const turns = repeatByWeight([
    [12, createEvaluation],
    [8, deleteEvaluation],
    [20, (given) => updateEvaluation(given, 'update')],
    [20, (given) => updateEvaluation(given, 'conditional update')],
    [20, (given) => updateEvaluation(given, 'update with a key')],
    [14, links.update],
    [6, links.ignore],
    [4, links.make],
    [2, links.revoke],
    [2, labels.create],
    [6, labels.update],
  ]);
  let left = TURNS_MAX;
  const turn = (given: World) => {
    left -= 1;
    return world.random.pick(turns)(given);
  };

  await createFirst(world);
  return {
    stopped: runLoops(world, WRITERS, turn, () => left <= 0),
    stop: () => {
      left = 0;
    },
    /** Sends the requests of the audit, because the writers' `Caller` may be waiting for workerd. */
    audit: async (caller: Caller): Promise<Audited> => {
      const given: World = { ...world, caller };
      const tally = await audit(given, WRITERS);
      return { tally, links: await links.audit(given), labels: await labels.audit(given) };
    },
  };
}
