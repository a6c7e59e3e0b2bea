/**
 * Builds the list of an evaluation's states from the tables: absent, created, each stored value,
 * deleted, and so on. Each state has the requests that may have caused it.
 */
import type { Stored } from './database.ts';
import { formatIdentity, type Request, type Target } from './world.ts';

/** The fields of a row that identify a state. */
type Shown = {
  readonly value: number;
  readonly author: string | null;
  /** The time of the row, which is its entity tag; empty if the evaluation does not exist. */
  readonly version: string;
  readonly created_at: string;
};

export type State = Shown & {
  readonly index: number;
  /** The number of creations up to this state. A deletion belongs to the life that it ends. */
  readonly life: number;
  readonly kind: 'created' | 'updated' | 'absent';
  /** The author and the version that the previous entry of the history announces. */
  readonly announced: readonly [author: string | null, version: string];
  readonly causes: readonly Request[];
  /** The time when the first cause began. */
  readonly begin: number;
  /** The time when a response first showed the state. */
  readonly known: number;
  /** The time when a response first showed a later state. No later request may see this state. */
  over: number;
};

/** An evaluation with the stored row of each life, and its states. */
export type Course = {
  readonly target: Target;
  readonly lives: readonly Stored[];
  readonly states: readonly State[];
};

/** A row of the history: value, author and time, and author and time of the replacement. */
type Entry = readonly [number, string | null, string, string | null, string];

const NEVER = Number.POSITIVE_INFINITY;
const ALWAYS = Number.NEGATIVE_INFINITY;
const ABSENT = { value: 0, author: null, version: '', created_at: '' };
const NOTHING = { kind: 'absent', announced: [null, ''] } as const;

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

/** Returns true if the state may have been current at some moment of the request. */
export const canBeSeen = ({ over, begin }: State, request: Request): boolean =>
  over >= request.begin && begin <= request.end;

/** Builds the course of an evaluation. `lives` is in the order of the creations. */
export function buildCourse(target: Target, lives: readonly Stored[]): Course {
  const { requests } = target;
  const updates = requests.filter(
    ({ intent }) => intent.operation === 'update' && !intent.isAstray,
  );
  const byIdentity = Map.groupBy(updates, ({ intent }) => formatIdentity(intent));
  const shown = new Map<string, number>();
  for (const { row, end } of requests) {
    if (!row) continue;
    const key = describeState(readShown(row));
    shown.set(key, Math.min(end, shown.get(key) ?? NEVER));
  }
  const first = { ...ABSENT, ...NOTHING, index: 0, life: 0, causes: [] };
  const states: State[] = [{ ...first, begin: ALWAYS, known: ALWAYS, over: NEVER }];
  for (const [index, stored] of lives.entries()) addLife(index + 1, stored);
  let over = NEVER;
  for (const state of states.toReversed()) {
    state.over = over;
    over = Math.min(over, state.known);
  }
  return { target, lives, states };

  function addLife(life: number, stored: Stored): void {
    const { created_at, created_by, updated_by, updated_at, write_id } = stored;
    const history: Entry[] = JSON.parse(stored.history);
    const last = updated_at === null ? [created_by, created_at] : [updated_by, updated_at];
    const chain = [...history, [stored.value, ...last]] as Entry[];
    for (const [index, [value, author, version]] of chain.entries()) {
      const [, , , by = created_by, at = created_at] = history[index - 1] ?? [];
      const state = { life, value, author, version, created_at, announced: [by, at] } as const;
      if (index === 0) addCreated(state);
      else addUpdated(state);
    }
    if (write_id === null) return;
    const deletions = requests.filter(
      ({ intent, writeId }) => writeId === write_id && !intent.isAstray,
    );
    const known = deletions.filter(({ outcome }) => outcome === 'ok').map(({ end }) => end);
    add({ ...ABSENT, ...NOTHING, life, causes: deletions, known: Math.min(...known) });
  }

  function addCreated(state: Shown & Pick<State, 'life' | 'announced'>): void {
    const causes = requests.filter(
      ({ intent, now }) =>
        intent.operation === 'create' &&
        now === state.created_at &&
        formatIdentity(intent) === formatIdentity(state),
    );
    add({ ...state, kind: 'created', causes, known: shown.get(describeState(state)) ?? NEVER });
  }

  /** Adds an update. The page that stored the value may show a later value. */
  function addUpdated(state: Shown & Pick<State, 'life' | 'announced'>): void {
    const causes = byIdentity.get(formatIdentity(state)) ?? [];
    const pages = causes.filter(
      ({ intent, outcome, row }) =>
        intent.isOnPage && outcome === 'ok' && row?.created_at === state.created_at,
    );
    const ends = pages.map(({ end }) => end);
    const known = Math.min(shown.get(describeState(state)) ?? NEVER, ...ends);
    add({ ...state, kind: 'updated', causes, known });
  }

  function add(state: Omit<State, 'index' | 'begin' | 'over'>): void {
    const begin = Math.min(...state.causes.map((request) => request.begin));
    states.push({ ...state, index: states.length, begin, over: NEVER });
  }
}
