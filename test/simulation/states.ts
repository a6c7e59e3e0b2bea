/**
 * The states that an evaluation went through, in the order of the tables: absent, created, each
 * stored value, deleted, and so on. Each state knows the requests that can have caused it.
 */
import type { Stored } from './database.ts';
import { identityOf, type Request, type Target } from './world.ts';

/** What a row shows. */
type Shown = {
  readonly value: number;
  readonly author: string | null;
  /** The time of the row, which is its entity tag; empty while there is no evaluation. */
  readonly version: string;
  readonly created_at: string;
};

export type State = Shown & {
  readonly index: number;
  /** Counts the creations of the evaluation, from 1. A deletion belongs to what it deleted. */
  readonly life: number;
  readonly kind: 'created' | 'updated' | 'absent';
  /** The author and the version that the entry before it announces. */
  readonly announced: readonly [author: string | null, version: string];
  readonly causes: readonly Request[];
  /** The first of the causes began then. */
  readonly begin: number;
  /** A response showed the state then. */
  readonly known: number;
  /** A response showed a later state then. No later request may see this state. */
  over: number;
};

/** An evaluation, what is stored of each of its lives, and its states. */
export type Course = {
  readonly target: Target;
  readonly lives: readonly Stored[];
  readonly states: readonly State[];
};

/** A row of the history: value, author and time, and author and time of what replaced it. */
type Entry = readonly [number, string | null, string, string | null, string];

const NEVER = Number.POSITIVE_INFINITY;
const ALWAYS = Number.NEGATIVE_INFINITY;
const ABSENT = { value: 0, author: null, version: '', created_at: '' };
const NOTHING = { kind: 'absent', announced: [null, ''] } as const;

export const describe = ({ value, author, version, created_at }: Shown) =>
  version === '' ? 'the deletion' : `${value} by ${author} at ${version} of ${created_at}`;

export const shownBy = (row: NonNullable<Request['row']>): Shown => ({
  value: row.value,
  author: row.updated_at === null ? row.created_by : row.updated_by,
  version: row.updated_at ?? row.created_at,
  created_at: row.created_at,
});

export const findShown = (states: readonly State[], shown: Shown): State | undefined =>
  states.find((state) => state.version === shown.version && describe(state) === describe(shown));

/** Returns true if the state may have stood at some moment of the request. */
export const mayBeSeen = ({ over, begin }: State, request: Request): boolean =>
  over >= request.begin && begin <= request.end;

/** @param lives what is stored of the evaluation, in the order of its creations */
export function courseOf(target: Target, lives: readonly Stored[]): Course {
  const { requests } = target;
  const updates = requests.filter(
    ({ intent }) => intent.operation === 'update' && !intent.isAstray,
  );
  const byIdentity = Map.groupBy(updates, ({ intent }) => identityOf(intent));
  const shown = new Map<string, number>();
  for (const { row, end } of requests) {
    if (!row) continue;
    const key = describe(shownBy(row));
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
        identityOf(intent) === `${state.value} by ${state.author}`,
    );
    add({ ...state, kind: 'created', causes, known: shown.get(describe(state)) ?? NEVER });
  }

  /** A page that stored the value shows what has been stored since. */
  function addUpdated(state: Shown & Pick<State, 'life' | 'announced'>): void {
    const causes = byIdentity.get(`${state.value} by ${state.author}`) ?? [];
    const pages = causes.filter(
      ({ intent, outcome, row }) =>
        intent.isOnPage && outcome === 'ok' && row?.created_at === state.created_at,
    );
    const ends = pages.map(({ end }) => end);
    const known = Math.min(shown.get(describe(state)) ?? NEVER, ...ends);
    add({ ...state, kind: 'updated', causes, known });
  }

  function add(state: Omit<State, 'index' | 'begin' | 'over'>): void {
    const begin = Math.min(...state.causes.map((request) => request.begin));
    states.push({ ...state, index: states.length, begin, over: NEVER });
  }
}
