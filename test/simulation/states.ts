/**
 * Builds the states of an evaluation from the tables. Each state lists the requests that may have
 * caused it.
 */
import type { Stored } from './database.ts';
import { formatIdentity, type Request, type Target } from './world.ts';

type Shown = {
  readonly value: number;
  readonly author: string | null;
  /** `updated_at`, or `created_at` before the first update; empty if the evaluation is absent. */
  readonly version: string;
  readonly created_at: string;
};

export type State = Shown & {
  readonly index: number;
  /** The number of creations of this id so far. */
  readonly generation: number;
  readonly kind: 'created' | 'updated' | 'absent';
  /**
   * `replaced_by` and `replaced_at` of the previous history entry (of a creation, `created_by` and
   * `created_at`). Must equal `author` and `version`.
   */
  readonly expected: readonly [author: string | null, version: string];
  readonly causes: readonly Request[];
  /** When the first request of `causes` began. */
  readonly begin: number;
  /** When a response first showed this state. */
  readonly firstShown: number;
  /**
   * When a response first showed a newer state. A request that begins after this time must not see
   * the older state.
   */
  laterShown: number;
};

/**
 * The states of one evaluation id. `generations` has one row for each creation: the current row, or
 * a copy from before the deletion.
 */
export type Course = {
  readonly target: Target;
  readonly generations: readonly Stored[];
  readonly states: readonly State[];
};

type HistoryEntry = readonly [
  value: number,
  author: string | null,
  version: string,
  replaced_by: string | null,
  replaced_at: string,
];

const NEVER = Number.POSITIVE_INFINITY;
const ALWAYS = Number.NEGATIVE_INFINITY;
const ABSENT = { value: 0, author: null, version: '', created_at: '' };
const NOTHING = { kind: 'absent', expected: [null, ''] } as const;

export const describeState = ({ value, author, version, created_at }: Shown) =>
  version === '' ? 'the deletion' : `${value} by ${author} at ${version} of ${created_at}`;

export const readShown = (row: NonNullable<Request['row']>): Shown => ({
  value: row.value,
  author: row.updated_at === null ? row.created_by : row.updated_by,
  version: row.updated_at ?? row.created_at,
  created_at: row.created_at,
});

export const findShown = (states: readonly State[], shown: Shown): State | undefined =>
  states.find(
    (state) => state.version === shown.version && describeState(state) === describeState(shown),
  );

/** Returns true if the evaluation may have been in this state at some time during the request. */
export const canBeSeen = ({ laterShown, begin }: State, request: Request): boolean =>
  laterShown >= request.begin && begin <= request.end;

/** Builds the states of an evaluation id. `generations` must be in the order of creation. */
export function buildCourse(target: Target, generations: readonly Stored[]): Course {
  const { requests } = target;
  const updates = requests.filter(
    ({ intent }) => intent.operation === 'update' && !intent.hasWrongRunInPath,
  );
  const byIdentity = Map.groupBy(updates, ({ intent }) => formatIdentity(intent));
  const shown = new Map<string, number>();
  for (const { row, end } of requests) {
    if (!row) continue;
    const key = describeState(readShown(row));
    shown.set(key, Math.min(end, shown.get(key) ?? NEVER));
  }
  const first = { ...ABSENT, ...NOTHING, index: 0, generation: 0, causes: [] };
  const states: State[] = [{ ...first, begin: ALWAYS, firstShown: ALWAYS, laterShown: NEVER }];
  for (const [index, stored] of generations.entries()) addGeneration(index + 1, stored);
  let laterShown = NEVER;
  for (const state of states.toReversed()) {
    state.laterShown = laterShown;
    laterShown = Math.min(laterShown, state.firstShown);
  }
  return { target, generations, states };

  function addGeneration(generation: number, stored: Stored): void {
    const { created_at, created_by, updated_by, updated_at, write_id } = stored;
    const history: HistoryEntry[] = JSON.parse(stored.history);
    const last = updated_at === null ? [created_by, created_at] : [updated_by, updated_at];
    const chain = [...history, [stored.value, ...last]] as HistoryEntry[];
    for (const [index, [value, author, version]] of chain.entries()) {
      const [, , , by = created_by, at = created_at] = history[index - 1] ?? [];
      const state = { generation, value, author, version, created_at, expected: [by, at] } as const;
      if (index === 0) addCreated(state);
      else addUpdated(state);
    }
    if (write_id === null) return;
    const deletions = requests.filter(
      ({ intent, writeId }) => writeId === write_id && !intent.hasWrongRunInPath,
    );
    const ends = deletions.filter(({ outcome }) => outcome === 'ok').map(({ end }) => end);
    add({
      ...ABSENT,
      ...NOTHING,
      generation,
      causes: deletions,
      firstShown: Math.min(...ends),
    });
  }

  function addCreated(state: Shown & Pick<State, 'generation' | 'expected'>): void {
    const causes = requests.filter(
      ({ intent, now }) =>
        intent.operation === 'create' &&
        now === state.created_at &&
        formatIdentity(intent) === formatIdentity(state),
    );
    add({
      ...state,
      kind: 'created',
      causes,
      firstShown: shown.get(describeState(state)) ?? NEVER,
    });
  }

  /**
   * A successful response of a link's page counts as showing the state, even if the page shows a
   * newer value.
   */
  function addUpdated(state: Shown & Pick<State, 'generation' | 'expected'>): void {
    const causes = byIdentity.get(formatIdentity(state)) ?? [];
    const pages = causes.filter(
      ({ intent, outcome, row }) =>
        intent.isOnPage && outcome === 'ok' && row?.created_at === state.created_at,
    );
    const ends = pages.map(({ end }) => end);
    const firstShown = Math.min(shown.get(describeState(state)) ?? NEVER, ...ends);
    add({ ...state, kind: 'updated', causes, firstShown });
  }

  function add(state: Omit<State, 'index' | 'begin' | 'laterShown'>): void {
    const begin = Math.min(...state.causes.map((request) => request.begin));
    states.push({ ...state, index: states.length, begin, laterShown: NEVER });
  }
}
