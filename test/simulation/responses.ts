/** Checks responses against the tables: the shown row was stored, and was current at that time. */
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
import { formatIdentity, LIMIT, MOVER, type Request } from './world.ts';

const COLUMN_COUNT = 12;

export function* checkResponses(course: Course): Generator<Fault> {
  for (const request of course.target.requests) {
    const { outcome, row, replaced, error } = request;
    const about = [request];
    if (outcome === undefined) yield ['broken', 'the request was never answered', about];
    if (outcome === 'broken') yield ['broken', `${error}`, about];
    if (request.intent.isAstray && outcome !== 'not_found' && outcome !== 'database_unavailable')
      yield ['broken', 'another run has the evaluation', about];
    const shown = row && findRowFault(course, request, row);
    if (shown) yield [...shown, about];
    if (replaced && !isHistory(course, request, replaced))
      yield ['stale', `the history was never ${replaced}`, about];
    const refusal = findRefusalFault(course, request);
    if (refusal) yield ['wrongly refused', refusal, about];
  }
}

type Wrong = readonly [Fault[0], Fault[1]];

function findRowFault(
  { target, states }: Course,
  request: Request,
  row: EvaluationRow,
): Wrong | undefined {
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
  // The response to an update shows the stored row, even if another caller has replaced it since.
  const isNow = !isUpdate && outcome !== 'created';
  if (isNow && !canBeSeen(state, request))
    return ['stale', `a caller saw ${what} after what replaced it was shown`];
  return undefined;
}

/** Returns true if the history had these versions, newest first, at a moment of the request. */
const isHistory = ({ states }: Course, request: Request, replaced: readonly string[]): boolean =>
  states.some(
    (state) =>
      canBeSeen(state, request) &&
      (replaced.length === 0
        ? state.kind === 'created'
        : replaced.every((version, index) => states[state.index - index]?.version === version) &&
          (replaced.length === LIMIT || states[state.index - replaced.length]?.kind === 'created')),
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
    return isTroubled(request) ? undefined : 'all calls arrived';
  if (outcome === 'conflict')
    return canConflict(course, request) ? undefined : 'the content is the same';
  if (operation === 'create' && outcome === 'ok') {
    const isRepeated = target.requests.some((one) => one.intent === intent && one !== request);
    return isRepeated || !target.label.hasManyValues ? undefined : 'nobody else sent the create';
  }
  if (outcome === 'not_found')
    return canBeMissing(course, request) ? undefined : 'the evaluation was there';
  if (outcome !== 'unprocessable' || operation !== 'update') return undefined;
  const { value, key, changesRun } = intent;
  const isKeyTaken = target.requests.some(
    (one) => key !== undefined && one.intent.key === key && one.intent.value !== value,
  );
  return changesRun || isKeyTaken || !target.label.allows(value) ? undefined : 'the value is legal';
}

/** Returns true if the network disturbed a call, or if the account may be moving. */
const isTroubled = ({ intent, calls }: Request): boolean =>
  intent.target.account === MOVER || calls.fates.some((fate) => fate !== 'arrives');

/** Returns true if a deletion is not earlier than the request by the clock of its edge. */
const isLate = (lives: Course['lives'], { now }: Request): boolean =>
  lives.some(({ deleted_at }) => (deleted_at ?? '') >= now);

/** Returns true if another create or a later deletion may explain the conflict. */
function canConflict({ lives, states }: Course, request: Request): boolean {
  const isOther = ({ life }: State) =>
    !states.some(
      ({ kind, life: other, causes }) =>
        kind === 'created' &&
        other === life &&
        causes.some(({ intent }) => intent === request.intent),
    );
  return (
    isLate(lives, request) ||
    states.some((state) => state.kind !== 'absent' && canBeSeen(state, request) && isOther(state))
  );
}

/** Returns true if the evaluation, the link or the label may have been missing. */
function canBeMissing({ target, lives, states }: Course, request: Request): boolean {
  const { operation, link, isAstray } = request.intent;
  const isRevoked = target.requests.some(
    ({ intent, begin }) =>
      intent.operation === 'revoke link' && intent.link === link && begin <= request.end,
  );
  const isAbsent = states.some((state) => state.kind === 'absent' && canBeSeen(state, request));
  return (
    operation === 'create' ||
    isAstray === true ||
    isAbsent ||
    isLate(lives, request) ||
    (link !== undefined && isRevoked)
  );
}
