/**
 * Checks the stored states of an evaluation (states.ts). Each state must come from a permitted
 * request, and each write may be stored only once.
 */
import type { Fault } from './check.ts';
import { type Course, describeState, type State } from './states.ts';
import { formatIdentity, type Request } from './world.ts';

/** The longest time that an object waits before it runs the SQL of a call. */
const OBJECT_WAIT_MAX_MS = 2000;
const REFUSALS = ['precondition_failed', 'unprocessable', 'conflict', 'malformed'];

export function* checkTables(course: Course): Generator<Fault> {
  const { generations, states } = course;
  if (generations.filter(({ write_id }) => write_id === null).length > 1)
    yield ['doubled', 'D1 and the object both have the evaluation', []];
  for (const state of states.slice(1)) {
    const origin = findOriginFault(course, state);
    if (origin) yield origin;
    else yield* checkState(course, state);
  }
}

/** Returns a fault if no permitted request can have caused the state. */
function findOriginFault({ target, states }: Course, state: State): Fault | undefined {
  const { kind, causes, value, author, version, expected } = state;
  const what = describeState(state);
  const around = states.slice(state.index - 1, state.index + 2).flatMap((one) => one.causes);
  if (kind !== 'absent' && (expected[0] !== author || expected[1] !== version)) {
    const isElsewhere = states.some((other) => other.version === expected[1]);
    return [
      isElsewhere ? 'out of order' : 'lost',
      `${expected[1]} should come, not ${what}`,
      around,
    ];
  }
  if (causes.every(({ calls }) => calls.arrivals.length === 0))
    return ['invented', `nobody sent ${what}`, around];
  if (kind !== 'absent' && !target.label.allows(value))
    return ['illegal value', `the label does not allow ${what}`, causes];
  if (kind === 'created' && causes.every(isAlwaysArchived))
    return ['illegal value', `the label of ${what} was archived`, causes];
  if (causes.every(({ intent }) => intent.hasWrongRunInBody))
    return ['invented', `${what} came with another run`, causes];
  if (kind === 'updated' && causes.every((request) => isRefused(states, state, request)))
    return ['invented', `${what} was refused, and is stored`, causes];
  if (causes.every(isRefusedForever))
    return ['invented', `${what} was refused, and is stored later`, causes];
  return undefined;
}

function* checkState({ target, generations, states }: Course, state: State): Generator<Fault> {
  const { kind, causes, generation, version, index } = state;
  const what = describeState(state);
  const before = states[index - 1]?.version ?? '';
  const repeated = findRepetition(states, state);
  if (repeated) {
    const isUndone = repeated.index !== index - 1;
    yield [isUndone ? 'undone by a late attempt' : 'doubled', `${what} is stored twice`, causes];
  }
  const deletions = states
    .filter((other) => other.kind === 'absent' && other.generation < generation)
    .flatMap((deletion) => deletion.causes);
  // Old requests must not store anything after a deletion. A request is old if it began before the
  // deletion or before the deleted version.
  const times = generations
    .slice(0, generation - 1)
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
  if (state.laterShown < state.begin)
    yield ['out of order', `${what} began after what replaced it was shown`, causes];
}

/**
 * Returns the previous state of the same write if the write was stored too often. A write with a
 * key may be stored once. Other writes may be stored once for each request.
 */
function findRepetition(states: readonly State[], state: State): State | undefined {
  const name = readWriteName(state.causes);
  const isSame = ({ causes, value, author }: State) =>
    name === undefined
      ? value === state.value && author === state.author
      : readWriteName(causes) === name;
  const earlier = states.filter(
    (other) =>
      other.kind === 'updated' &&
      other.generation === state.generation &&
      other.index < state.index &&
      isSame(other),
  );
  const allowed = name === undefined ? state.causes.length : 1;
  return state.kind === 'updated' && earlier.length >= allowed ? earlier.at(-1) : undefined;
}

/**
 * Returns a text that is equal for all retries of one write; undefined for a write without a key.
 * For a form on a link's page, the Worker creates the key.
 */
function readWriteName([cause]: readonly Request[]): string | undefined {
  if (!cause) return undefined;
  const { intent } = cause;
  const { key, author, link, isOnPage, versions } = intent;
  if (isOnPage) return `page ${link?.id} ${versions} ${formatIdentity(intent)}`;
  return key === undefined ? undefined : `${link?.id} ${author} ${key}`;
}

/**
 * Returns true if the Worker refused the request while this evaluation certainly existed. Otherwise
 * the refusal may be about an earlier or later evaluation with the same id.
 */
function isRefused(states: readonly State[], { generation }: State, request: Request): boolean {
  const [creation, ...later] = states.filter((state) => state.generation === generation);
  const last = later.at(-1);
  const isDeleted = last?.kind === 'absent' && last.begin <= request.end;
  const didExist = creation !== undefined && creation.firstShown < request.begin && !isDeleted;
  return didExist && REFUSALS.includes(request.outcome ?? '');
}

/**
 * Returns true if the response means that the Worker will never store the request. A call that the
 * network delivers twice may still be stored after the response.
 */
const isRefusedForever = ({ outcome, calls, intent }: Request): boolean =>
  !calls.fates.includes('is doubled') &&
  (outcome === 'not_found' || (intent.operation === 'create' && REFUSALS.includes(outcome ?? '')));

/** Returns true if the label was archived during the whole create request, including late calls. */
function isAlwaysArchived({ calls, begin, intent }: Request): boolean {
  const findLastEffect = ({ arrivals }: Request['calls']) =>
    Math.max(...arrivals) + OBJECT_WAIT_MAX_MS;
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
