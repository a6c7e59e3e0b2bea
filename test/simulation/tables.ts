/** Checks the tables alone: each stored state has exactly one request that may have caused it. */
import type { Fault } from './check.ts';
import { type Course, describeState, type State } from './states.ts';
import { formatIdentity, type Request } from './world.ts';

/** An object may delay a call by this time before it runs the statements. */
const OBJECT_WAITS_MAX_MS = 2000;
const REFUSALS = ['precondition_failed', 'unprocessable', 'conflict', 'malformed'];

export function* checkTables(course: Course): Generator<Fault> {
  const { lives, states } = course;
  if (lives.filter(({ write_id }) => write_id === null).length > 1)
    yield ['doubled', 'D1 and the object both have the evaluation', []];
  for (const state of states.slice(1)) {
    const origin = findOriginFault(course, state);
    if (origin) yield origin;
    else yield* checkState(course, state);
  }
}

/** Returns a fault if no request may have caused the state. */
function findOriginFault({ target, states }: Course, state: State): Fault | undefined {
  const { kind, causes, value, author, version, announced } = state;
  const what = describeState(state);
  const around = states.slice(state.index - 1, state.index + 2).flatMap((one) => one.causes);
  if (kind !== 'absent' && (announced[0] !== author || announced[1] !== version)) {
    const isElsewhere = states.some((other) => other.version === announced[1]);
    return [
      isElsewhere ? 'out of order' : 'lost',
      `${announced[1]} should come, not ${what}`,
      around,
    ];
  }
  if (causes.every(({ calls }) => calls.arrivals.length === 0))
    return ['invented', `nobody sent ${what}`, around];
  if (kind !== 'absent' && !target.label.allows(value))
    return ['illegal value', `the label does not allow ${what}`, causes];
  if (kind === 'created' && causes.every(isAlwaysArchived))
    return ['illegal value', `the label of ${what} was archived`, causes];
  if (causes.every(({ intent }) => intent.changesRun))
    return ['invented', `${what} came with another run`, causes];
  if (kind === 'updated' && causes.every((request) => isRefused(states, state, request)))
    return ['invented', `${what} was refused, and is stored`, causes];
  return undefined;
}

function* checkState({ target, lives, states }: Course, state: State): Generator<Fault> {
  const { kind, causes, life, version, index } = state;
  const what = describeState(state);
  const before = states[index - 1]?.version ?? '';
  const repeated = findRepetition(states, state);
  if (repeated) {
    const isUndone = repeated.index !== index - 1;
    yield [isUndone ? 'undone by a late attempt' : 'doubled', `${what} is stored twice`, causes];
  }
  const deletions = states
    .filter((other) => other.kind === 'absent' && other.life < life)
    .flatMap((deletion) => deletion.causes);
  // The time of a deletion is later than the row, even if the row came from an edge that is ahead.
  const times = lives
    .slice(0, life - 1)
    .map(({ deleted_at, updated_at, created_at }) => [deleted_at ?? '', updated_at ?? created_at]);
  if (causes.every(({ now }) => times.flat().some((time) => time >= now)))
    yield [
      'undone by a late attempt',
      `${what} began before a deletion`,
      [...causes, ...deletions],
    ];
  const revocations = target.requests.filter(
    ({ intent, outcome }) =>
      intent.operation === 'revoke link' &&
      intent.link === causes[0]?.intent.link &&
      outcome === 'ok',
  );
  const revoked = Math.min(...revocations.map(({ end }) => end));
  if (causes.every(({ calls }) => calls.arrivals.every((at) => at > revoked)))
    yield [
      'undone by a late attempt',
      `${what} came by a revoked link`,
      [...causes, ...revocations],
    ];
  const tags = causes.map(({ intent }) => intent.versions);
  if (kind !== 'created' && tags.every((tag) => tag && !tag.includes(before)))
    yield ['two callers with one tag', `${what} replaced ${before}, not ${tags}`, causes];
  if (kind === 'updated' && version <= before)
    yield ['out of order', `${what} is not later than ${before}`, causes];
  if (state.over < state.begin)
    yield ['out of order', `${what} began after what replaced it was shown`, causes];
}

/** Returns an earlier state of the same life that the same write stored. */
function findRepetition(states: readonly State[], state: State): State | undefined {
  const name = readWriteName(state.causes);
  const isSame = ({ causes, value, author }: State) =>
    name === undefined
      ? value === state.value && author === state.author
      : readWriteName(causes) === name;
  const earlier = states.filter(
    (other) =>
      other.kind === 'updated' &&
      other.life === state.life &&
      other.index < state.index &&
      isSame(other),
  );
  const allowed = name === undefined ? state.causes.length : 1;
  return state.kind === 'updated' && earlier.length >= allowed ? earlier.at(-1) : undefined;
}

/** Returns the key that identifies the write; undefined if the caller sent no key. */
function readWriteName([cause]: readonly Request[]): string | undefined {
  if (!cause) return undefined;
  const { intent } = cause;
  const { key, author, link, isOnPage, versions } = intent;
  if (isOnPage) return `page ${link?.id} ${versions} ${formatIdentity(intent)}`;
  return key === undefined ? undefined : `${link?.id} ${author} ${key}`;
}

/**
 * Returns true if the Worker refused the request during the life of the state. An attempt of the
 * same request may still be stored in an earlier or a later life, because clocks differ.
 */
function isRefused(states: readonly State[], { life }: State, request: Request): boolean {
  const [creation, ...later] = states.filter((state) => state.life === life);
  const last = later.at(-1);
  const isDeleted = last?.kind === 'absent' && last.begin <= request.end;
  const isOfLife = creation !== undefined && creation.known < request.begin && !isDeleted;
  return isOfLife && REFUSALS.includes(request.outcome ?? '');
}

/**
 * Returns true if the label was archived whenever an attempt of the create may have arrived. A late
 * attempt may arrive after another caller has made the label usable again.
 */
function isAlwaysArchived({ calls, begin, intent }: Request): boolean {
  const findLastEffect = ({ arrivals }: Request['calls']) =>
    Math.max(...arrivals) + OBJECT_WAITS_MAX_MS;
  const changes = intent.target.label.requests.filter((one) => one.intent.archived !== undefined);
  return changes.some((archiving) => {
    const mayUndo = (change: Request) =>
      change.intent.archived === false &&
      change.begin < findLastEffect(calls) &&
      findLastEffect(change.calls) > archiving.begin;
    const isDone = archiving.intent.archived && archiving.outcome === 'ok';
    return isDone && archiving.end < begin && !changes.some(mayUndo);
  });
}
