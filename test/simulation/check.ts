/**
 * Compares the responses that callers received with the rows in the tables. The checks read only
 * requests, responses and rows. They never call the Worker and do not depend on its SQL.
 */
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

/**
 * A guarantee that the Worker did not keep: the kind of the fault, a sentence that describes the
 * fault, and the requests that show the fault.
 */
export type Fault = readonly [kind: Kind, sentence: string, requests: readonly Request[]];

/** A fault, and the evaluation or the label that the fault concerns. */
export type Finding = { readonly owner: Target | Label; readonly fault: Fault };

/**
 * Returns all faults of a run. For each evaluation, faults in its rows come before faults in the
 * responses.
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

/**
 * Returns true if two requests created the evaluation in the same millisecond, the second request
 * after a deletion. Both rows then have the same `created_at`. The checks cannot tell the two rows
 * apart, so they leave out the evaluation.
 */
const hasTwins = ({ states }: Course): boolean =>
  states.some(({ kind, created_at, causes }, index) => {
    const isTwin = (one: State) =>
      one.kind === 'created' && one.created_at === created_at && one.causes[0] !== causes[0];
    return kind === 'created' && states.slice(0, index).some(isTwin);
  });
