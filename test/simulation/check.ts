/**
 * Compares what callers were told with what the tables have. Nothing here asks the Worker or knows
 * its SQL: only requests, responses and rows count.
 */
import type { Stored } from './database.ts';
import { checkResponses } from './responses.ts';
import { courseOf } from './states.ts';
import { checkTables } from './tables.ts';
import type { Request, Target } from './world.ts';

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

export type Finding = { readonly target: Target; readonly fault: Fault };

/** Returns what is wrong, the faults of an evaluation's rows before those of its responses. */
export function check(targets: readonly Target[], stored: readonly Stored[]): Finding[] {
  const rows = Map.groupBy(stored, ({ account_id, id }) => `${account_id} ${id}`);
  return targets.flatMap((target) => {
    const lives = rows.get(`${target.account} ${target.id}`) ?? [];
    const course = courseOf(target, lives);
    // Nobody can tell apart what was created twice in one millisecond.
    if (new Set(lives.map(({ created_at }) => created_at)).size < lives.length) return [];
    return [...checkTables(course), ...checkResponses(course)].map((fault) => ({ target, fault }));
  });
}
