/**
 * Chooses what a caller does next. All updates of one evaluation differ in value or author, so the
 * checks can tell the updates apart.
 */
import type { Random } from '../soak/random.ts';
import type { Intent, Operation, Target } from './world.ts';

const WEIGHTS: Readonly<Record<Operation, number>> = {
  update: 52,
  get: 12,
  list: 4,
  history: 4,
  delete: 3,
  create: 3,
  'open page': 3,
  'create link': 2,
  'revoke link': 1,
  'create label': 1,
  'update label': 3,
  'read labels': 1,
};
const OPERATIONS = Object.entries(WEIGHTS).flatMap(([operation, weight]) =>
  Array.from({ length: weight }, () => operation as Operation),
);

const ODDS = {
  repeated: 0.08,
  created: 0.4,
  throughLink: 0.25,
  onPage: 0.4,
  key: 0.3,
  sameKey: 0.1,
  conditional: 0.35,
  current: 0.75,
  illegal: 0.06,
  wrongRunInBody: 0.03,
  wrongRunInPath: 0.02,
  changesArchived: 0.5,
  archived: 0.3,
};

/** The number of recent intents that callers may repeat. */
const REMEMBERED_COUNT = 200;
const REPEATABLE = new Set<Operation>(['update', 'create', 'delete', 'revoke link']);

/**
 * Returns `chooseIntent`. Each call must pass a different `number`, which makes the intent unique.
 */
export function createChooser({ chance, below, pick }: Random, targets: readonly Target[]) {
  const remembered: Intent[] = [];
  return chooseIntent;

  function chooseIntent(caller: string, number: number): Intent {
    if (remembered.length > 0 && chance(ODDS.repeated)) return pick(remembered);
    const intent = chooseNewIntent(caller, number);
    if (REPEATABLE.has(intent.operation) && remembered.push(intent) > REMEMBERED_COUNT)
      remembered.shift();
    return intent;
  }

  function chooseNewIntent(caller: string, number: number): Intent {
    const target = pick(targets);
    const { label } = target;
    const isMissing = target.versions.length === 0 && chance(ODDS.created);
    const operation = isMissing ? chooseWhatToCreate(target) : pick(OPERATIONS);
    const author = label.hasManyValues ? caller : `${caller}/${number}`;
    const value = chance(ODDS.illegal) ? label.makeIllegalValue(number) : label.makeValue(number);
    const intent = { operation, target, author, value };
    const key = chance(ODDS.key) ? `key-${number}` : undefined;
    switch (operation) {
      case 'update':
        return chooseUpdate(intent, key);
      case 'create':
        return target.key === undefined ? intent : { ...intent, author: 'creator' };
      case 'delete':
        return {
          ...intent,
          key,
          versions: chooseVersions(target),
          hasWrongRunInPath: chance(ODDS.wrongRunInPath),
        };
      case 'get':
      case 'history':
        return { ...intent, hasWrongRunInPath: chance(ODDS.wrongRunInPath) };
      case 'open page':
      case 'revoke link':
        return target.links.length > 0
          ? { ...intent, link: pick(target.links) }
          : { ...intent, operation: 'get' };
      case 'create link':
        return label.hasManyValues ? intent : { ...intent, operation: 'get' };
      case 'update label':
        return {
          ...intent,
          key,
          versions: label.version && chance(ODDS.conditional) ? [label.version] : undefined,
          archived: chance(ODDS.changesArchived) ? chance(ODDS.archived) : undefined,
        };
      default:
        return intent;
    }
  }

  function chooseWhatToCreate({ label }: Target): Operation {
    return label.owner === 'shared' || label.version !== undefined || chance(0.5)
      ? 'create'
      : 'create label';
  }

  function chooseUpdate(intent: Intent, key: string | undefined): Intent {
    const { target } = intent;
    const versions = chooseVersions(target);
    if (target.links.length > 0 && chance(ODDS.throughLink)) {
      const link = pick(target.links);
      const shown = target.versions.at(-1);
      const isOnPage = shown !== undefined && chance(ODDS.onPage);
      const sent = isOnPage ? { isOnPage, versions: [shown] } : { key, versions };
      return { ...intent, link, author: link.author, ...sent };
    }
    const other = remembered.findLast(
      (one) => one.target === target && one.operation === 'update' && one.key && !one.link,
    );
    if (other && target.label.hasManyValues && chance(ODDS.sameKey))
      return { ...intent, author: other.author, key: other.key, versions };
    return {
      ...intent,
      key,
      versions,
      hasWrongRunInBody: chance(ODDS.wrongRunInBody),
      hasWrongRunInPath: chance(ODDS.wrongRunInPath),
    };
  }

  /** Returns undefined if the caller sends no If-Match. */
  function chooseVersions({ versions }: Target): readonly string[] | undefined {
    const current = versions.at(-1);
    if (current === undefined || !chance(ODDS.conditional)) return undefined;
    return [chance(ODDS.current) ? current : (versions[below(versions.length)] ?? current)];
  }
}
