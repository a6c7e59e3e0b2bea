/** Compares responses with stored rows. The checks never call the Worker or use its SQL. */
import type { Stored } from './database.ts';
import { checkLabel } from './labels.ts';
import { checkResponses } from './responses.ts';
import { buildCourse, type Course, type State } from './states.ts';
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

/** A promise that the Worker broke, with the requests that show the fault. */
export type Fault = readonly [kind: Kind, sentence: string, requests: readonly Request[]];

export type Finding = { readonly owner: Target | Label; readonly fault: Fault };

/**
 * Returns all faults of a run. For each evaluation, faults in rows come before faults in responses.
 */
export function checkRun(
  targets: readonly Target[],
  labels: readonly Label[],
  stored: readonly Stored[],
): Finding[] {
  const rows = Map.groupBy(stored, ({ account_id, id }) => `${account_id} ${id}`);
  const targetFindings = targets.flatMap((target) => {
    const generations = rows.get(`${target.account} ${target.id}`) ?? [];
    const course = buildCourse(target, generations);
    if (hasTwins(course)) return [];
    return [...checkTables(course), ...checkResponses(course)].map((fault) => ({
      owner: target,
      fault,
    }));
  });
  const labelFindings = labels.flatMap((label) =>
    [...checkLabel(label)].map((fault) => ({ owner: label, fault })),
  );
  return [...targetFindings, ...labelFindings];
}

/** Returns true if two creations have equal `created_at`. The checks cannot tell the rows apart. */
const hasTwins = ({ states }: Course): boolean =>
  states.some(({ kind, created_at, causes }, index) => {
    const isTwin = (one: State) =>
      one.kind === 'created' && one.created_at === created_at && one.causes[0] !== causes[0];
    return kind === 'created' && states.slice(0, index).some(isTwin);
  });
