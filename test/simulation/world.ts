/**
 * Defines the types of the simulation: labels, evaluations, intents (reads and writes that callers
 * want to make) and requests.
 */
import type { EvaluationRow } from '../../src/evaluation/read.ts';
import type { FailureCode } from '../../src/failure.ts';
import type { LabelRow } from '../../src/label/read.ts';
import type { Link } from '../../src/link/key.ts';
import type { AccountId } from '../../src/principal.ts';
import type { Calls } from './network.ts';

/** The account whose rows may be in an object. The seed decides (run.ts). */
export const MOVER = 'acc_mover' as AccountId;
/** The account whose rows are always in D1. */
export const STAYER = 'acc_stayer' as AccountId;

export const PAGE_MAX_ENTRIES = 50;

/** The simulated time at which every run begins, in milliseconds since 1970. */
export const START = Date.UTC(2026, 10, 22);

export type Label = {
  readonly id: string;
  /** The account that owns the label; `shared` if every account may use the label. */
  readonly owner: string;
  readonly content: {
    readonly name: string;
    readonly description: null;
    readonly value_type: 'binary' | 'continuous' | 'ordinal';
    readonly min_value: number | null;
    readonly max_value: number | null;
    readonly categories: string[] | null;
  };
  readonly allows: (value: number) => boolean;
  /**
   * Returns a value that the label allows. If `hasManyValues`, different numbers give different
   * values.
   */
  readonly makeValue: (number: number) => number;
  /**
   * Returns a value that the label forbids. If `hasManyValues`, different numbers give different
   * values.
   */
  readonly makeIllegalValue: (number: number) => number;
  /** Is true if the label allows so many values that each intent can have a different value. */
  readonly hasManyValues: boolean;
  /** The version of the label in the most recent response that showed the label. */
  version: string | undefined;
  readonly requests: Request[];
};

/**
 * The evaluation id that an intent concerns. Callers create, delete and recreate the evaluation with
 * this id.
 */
export type Target = {
  readonly account: AccountId;
  readonly run: string;
  readonly id: string;
  readonly label: Label;
  /**
   * The Idempotency-Key with which callers create the evaluation. The Worker derives `id` from this
   * key. If the key is undefined, callers send `id` themselves.
   */
  readonly key: string | undefined;
  readonly links: Link[];
  /**
   * The versions of the evaluation that responses have shown. If a response shows that the
   * evaluation is gone, the list is emptied.
   */
  versions: string[];
  readonly requests: Request[];
};

export type Operation =
  | 'create'
  | 'update'
  | 'delete'
  | 'get'
  | 'list'
  | 'history'
  | 'create link'
  | 'open page'
  | 'revoke link'
  | 'create label'
  | 'update label'
  | 'read labels';

/**
 * A read or a write that a caller wants to make. If callers repeat an intent, several requests have
 * the same `intent`.
 */
export type Intent = {
  readonly operation: Operation;
  readonly target: Target;
  readonly author: string;
  readonly value: number;
  readonly key?: string | undefined;
  /**
   * The versions that the request has in If-Match. If a person answers on a link's page, this is
   * the version in the form.
   */
  readonly versions?: readonly string[] | undefined;
  /** The link to use or to revoke. */
  readonly link?: Link | undefined;
  /** Is true if a person answers on the link's page. Is false if a machine posts to the link. */
  readonly isOnPage?: boolean;
  /**
   * Is true if the `run_id` in the body is not the run of the stored evaluation. The Worker must
   * refuse the update.
   */
  readonly hasWrongRunInBody?: boolean;
  readonly archived?: boolean | undefined;
  /**
   * Is true if the `run_id` in the path is not the run of the stored evaluation. The Worker must
   * not find the evaluation.
   */
  readonly hasWrongRunInPath?: boolean;
};

/** The result of a request. `broken`: the operation threw an error that is not a Failure. */
export type Outcome = 'ok' | 'created' | 'broken' | FailureCode;

export type Request = {
  readonly number: number;
  readonly intent: Intent;
  readonly edge: number;
  /** When the request began, by the timeline, in milliseconds since 1970. */
  readonly begin: number;
  /** When the request began, by the clock of its edge: ISO 8601 in UTC. */
  readonly now: string;
  readonly calls: Calls;
  /**
   * The id of the write, if the request is a deletion (`write_id`, src/db/write.ts). Requests with
   * another operation have no `writeId`.
   */
  writeId?: string;
  end: number;
  outcome: Outcome | undefined;
  /** The evaluation in the response. */
  row?: EvaluationRow | undefined;
  /** The `replaced_at` of each history entry in the response to `history`, newest first. */
  replaced?: readonly string[];
  /** The label in the response to `update label`. */
  updatedLabel?: Pick<LabelRow, 'name' | 'archived_at' | 'updated_at'>;
  error?: string;
};

const SCORE_MAX = 1e6;
const CATEGORIES = ['bad', 'poor', 'fair', 'good', 'best'];

const BARE = { description: null, min_value: null, max_value: null, categories: null };

/** Creates one continuous, one ordinal and one binary label. */
export function createLabels(owner: string, newId: () => string): Label[] {
  const createState = () => ({ id: newId(), owner, version: undefined, requests: [] });
  const range = { min_value: 0, max_value: SCORE_MAX };
  return [
    {
      ...createState(),
      content: { ...BARE, name: 'score', value_type: 'continuous', ...range },
      allows: (value) => value >= 0 && value <= SCORE_MAX,
      makeValue: (number) => number,
      makeIllegalValue: (number) => (number % 2 === 0 ? -1 - number : SCORE_MAX + 1 + number),
      hasManyValues: true,
    },
    {
      ...createState(),
      content: { ...BARE, name: 'grade', value_type: 'ordinal', categories: CATEGORIES },
      allows: (value) => CATEGORIES[value] !== undefined,
      makeValue: (number) => number % CATEGORIES.length,
      makeIllegalValue: (number) => [-1, 0.5, CATEGORIES.length][number % 3] ?? -1,
      hasManyValues: false,
    },
    {
      ...createState(),
      content: { ...BARE, name: 'passed', value_type: 'binary' },
      allows: (value) => value === 0 || value === 1,
      makeValue: (number) => number % 2,
      makeIllegalValue: (number) => [-1, 0.5, 2][number % 3] ?? -1,
      hasManyValues: false,
    },
  ];
}

/**
 * Formats the value and the author of an update. If two intents update the same evaluation, their
 * texts differ.
 */
export const formatIdentity = (one: { readonly value: number; readonly author: string | null }) =>
  `${one.value} by ${one.author}`;
