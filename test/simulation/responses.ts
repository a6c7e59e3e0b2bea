/**
 * Checks each response against the tables. A read must show a current row, and each refusal needs a
 * reason.
 */
import type { EvaluationRow } from '../../src/evaluation/read.ts';
import type { Fault } from './check.ts';
import {
  type Course,
  canBeSeen,
  describeState,
  findShown,
  readShown,
  type State,
} from './states.ts';
import { formatIdentity, MOVER, PAGE_MAX_ENTRIES, type Request } from './world.ts';

const COLUMN_COUNT = 12;

export function* checkResponses(course: Course): Generator<Fault> {
  for (const request of course.target.requests) {
    const { outcome, row, replaced, error } = request;
    const about = [request];
    if (outcome === undefined) yield ['broken', 'the request was never answered', about];
    if (outcome === 'broken') yield ['broken', `${error}`, about];
    if (
      request.intent.hasWrongRunInPath &&
      outcome !== 'not_found' &&
      outcome !== 'database_unavailable'
    )
      yield ['broken', 'another run has the evaluation', about];
    const shown = row && findRowFault(course, request, row);
    if (shown) yield [...shown, about];
    if (replaced && !canBeHistory(course, request, replaced))
      yield ['stale', `the history was never ${replaced}`, about];
    const refusal = findRefusalFault(course, request);
    if (refusal) yield ['wrongly refused', refusal, about];
  }
}

type KindAndSentence = readonly [Fault[0], Fault[1]];

function findRowFault(
  { target, states }: Course,
  request: Request,
  row: EvaluationRow,
): KindAndSentence | undefined {
  const { intent, outcome } = request;
  const isOfTarget =
    row.account_id === target.account &&
    row.id === target.id &&
    row.run_id === target.run &&
    row.evaluation_label_id === target.label.id;
  if (!isOfTarget || Object.keys(row).length !== COLUMN_COUNT)
    return ['broken', `the response is ${JSON.stringify(row)}`];
  const shown = readShown(row);
  const what = describeState(shown);
  const state = findShown(states, shown);
  if (!state) return ['lost', `a caller saw ${what}, and no row has it`];
  const isUpdate = intent.operation === 'update' && outcome === 'ok';
  if (isUpdate && !intent.isOnPage && formatIdentity(intent) !== formatIdentity(shown))
    return ['invented', `${formatIdentity(intent)} was acknowledged as ${what}`];
  const isCause = states.some(
    ({ causes, created_at }) => created_at === row.created_at && causes.includes(request),
  );
  if ((isUpdate || outcome === 'created') && !isCause)
    return ['lost', `${formatIdentity(intent)} was acknowledged, and no row has it`];
  // An accepted write returns its own row, which another caller may already have replaced.
  const mustBeCurrent = !isUpdate && outcome !== 'created';
  if (mustBeCurrent && !canBeSeen(state, request))
    return ['stale', `a caller saw ${what} after what replaced it was shown`];
  return undefined;
}

/**
 * Returns true if `replaced` was the whole history at some time during the request. A full page may
 * leave out older entries.
 */
const canBeHistory = ({ states }: Course, request: Request, replaced: readonly string[]): boolean =>
  states.some(
    (state) =>
      canBeSeen(state, request) &&
      (replaced.length === 0
        ? state.kind === 'created'
        : replaced.every((version, index) => states[state.index - index]?.version === version) &&
          (replaced.length === PAGE_MAX_ENTRIES ||
            states[state.index - replaced.length]?.kind === 'created')),
  );

function findRefusalFault(course: Course, request: Request): string | undefined {
  const { target, states } = course;
  const { intent, outcome } = request;
  const { operation, versions = [] } = intent;
  const isOther = (version: string) => version !== '' && !versions.includes(version);
  const seen = () => states.filter((state) => canBeSeen(state, request));
  if (operation === 'delete' && outcome === 'ok') {
    const isDone = states.some(({ kind, causes }) => kind === 'absent' && causes.includes(request));
    return isDone ? undefined : 'a deletion was acknowledged, and deleted nothing';
  }
  if (outcome === 'precondition_failed')
    return seen().some(({ version }) => isOther(version)) ? undefined : `it was ${versions}`;
  if (outcome === 'database_unavailable')
    return canBeUnavailable(request) ? undefined : 'all calls arrived';
  if (outcome === 'conflict')
    return canConflict(course, request) ? undefined : 'the content is the same';
  if (operation === 'create' && outcome === 'ok') {
    const isRepeated = target.requests.some((one) => one.intent === intent && one !== request);
    return isRepeated || !target.label.hasManyValues ? undefined : 'nobody else sent the create';
  }
  if (outcome === 'not_found')
    return canBeMissing(course, request) ? undefined : 'the evaluation was there';
  if (outcome !== 'unprocessable' || operation !== 'update') return undefined;
  const { value, key, hasWrongRunInBody } = intent;
  const isKeyTaken = target.requests.some(
    (one) => key !== undefined && one.intent.key === key && one.intent.value !== value,
  );
  return hasWrongRunInBody || isKeyTaken || !target.label.allows(value)
    ? undefined
    : 'the value is legal';
}

/**
 * Returns true if `database_unavailable` may be right: the network disturbed a call, or the account
 * may be moving.
 */
const canBeUnavailable = ({ intent, calls }: Request): boolean =>
  intent.target.account === MOVER || calls.fates.some((fate) => fate !== 'arrives');

/** Returns true if a deletion came after the request began (`now`, by the clock of its edge). */
const isDeletedSince = (generations: Course['generations'], { now }: Request): boolean =>
  generations.some(({ deleted_at }) => (deleted_at ?? '') >= now);

/**
 * Returns true if `conflict` may be right: another intent created the evaluation, or a deletion
 * came after the request began.
 */
function canConflict({ generations, states }: Course, request: Request): boolean {
  const isOther = ({ generation }: State) =>
    !states.some(
      ({ kind, generation: other, causes }) =>
        kind === 'created' &&
        other === generation &&
        causes.some(({ intent }) => intent === request.intent),
    );
  return (
    isDeletedSince(generations, request) ||
    states.some((state) => state.kind !== 'absent' && canBeSeen(state, request) && isOther(state))
  );
}

/** Returns true if `not_found` may be right. For a create, the label may be missing. */
function canBeMissing({ target, generations, states }: Course, request: Request): boolean {
  const { operation, link, hasWrongRunInPath } = request.intent;
  const isRevoked = target.requests.some(
    ({ intent, begin }) =>
      intent.operation === 'revoke link' && intent.link === link && begin <= request.end,
  );
  const isAbsent = states.some((state) => state.kind === 'absent' && canBeSeen(state, request));
  return (
    operation === 'create' ||
    hasWrongRunInPath === true ||
    isAbsent ||
    isDeletedSince(generations, request) ||
    (link !== undefined && isRevoked)
  );
}
