/**
 * Compares what callers were told with what the tables have. Nothing here asks the Worker or knows
 * its SQL: only requests, responses and rows count.
 */
import type { Stored } from './database.ts';
import { checkLabel } from './labels.ts';
import { checkResponses } from './responses.ts';
import { type Course, courseOf, type State } from './states.ts';
import { checkTables } from './tables.ts';
import type { Label, Request, Target } from './world.ts';

export type Kind =
  | 'lost'
  | 'doubled'
  | 'invented'
  | 'out of order'
  | 'two callers with one tag'
  | 'undone by a late attempt'
  | 'illegal value'
  | 'stale'
  | 'wrongly refused'
  | 'broken';

/** What is wrong, and the requests that the sentence is about. */
export type Fault = readonly [kind: Kind, sentence: string, requests: readonly Request[]];

/** A fault of an evaluation, or of a label. */
export type Finding = { readonly of: Target | Label; readonly fault: Fault };

/** Returns what is wrong, the faults of an evaluation's rows before those of its responses. */
export function check(
  targets: readonly Target[],
  labels: readonly Label[],
  stored: readonly Stored[],
): Finding[] {
  const rows = Map.groupBy(stored, ({ account_id, id }) => `${account_id} ${id}`);
  const ofTargets = targets.flatMap((target) => {
    const lives = rows.get(`${target.account} ${target.id}`) ?? [];
    const course = courseOf(target, lives);
    if (hasTwins(course)) return [];
    return [...checkTables(course), ...checkResponses(course)].map((fault) => ({
      of: target,
      fault,
    }));
  });
  const ofLabels = labels.flatMap((label) =>
    [...checkLabel(label)].map((fault) => ({ of: label, fault })),
  );
  return [...ofTargets, ...ofLabels];
}

/** Returns true if two requests created it in one millisecond: nobody can tell the two apart. */
const hasTwins = ({ states }: Course): boolean =>
  states.some(({ kind, created_at, causes }, index) => {
    const isTwin = (one: State) =>
      one.kind === 'created' && one.created_at === created_at && one.causes[0] !== causes[0];
    return kind === 'created' && states.slice(0, index).some(isTwin);
  });
