/** What a simulated world is made of: accounts, labels, evaluations, edges, and requests. */
import type { EvaluationRow } from '../../src/evaluation/read.ts';
import type { FailureCode } from '../../src/failure.ts';
import type { LabelRow } from '../../src/label/read.ts';
import type { Link } from '../../src/link/key.ts';
import type { AccountId } from '../../src/principal.ts';
import type { Calls } from './network.ts';

/** The account that may live in an object, and the one that never does. */
export const MOVER = 'acc_mover' as AccountId;
export const STAYER = 'acc_stayer' as AccountId;

/** Entries in a page of a list. */
export const LIMIT = 50;

/** The first moment of every run. */
export const START = Date.UTC(2026, 10, 22);

export type Label = {
  readonly id: string;
  /** Is `shared` for the label that every account may use. */
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
  /** Returns a value that the label allows; different for each number if the label allows many. */
  readonly valueOf: (number: number) => number;
  /** Returns a value that the label refuses; as different as those of `valueOf`. */
  readonly illegalOf: (number: number) => number;
  readonly hasManyValues: boolean;
  /** What callers last heard of. */
  version: string | undefined;
  readonly requests: Request[];
};

/** An id of an evaluation, which may be created, deleted and created again. */
export type Target = {
  readonly account: AccountId;
  readonly run: string;
  readonly id: string;
  readonly label: Label;
  /** Creates the evaluation by this key instead of by its id. */
  readonly key: string | undefined;
  readonly links: Link[];
  /** The versions that callers have heard of; empty if the evaluation is gone. */
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

/** What a caller wants. It may send several requests for it. */
export type Intent = {
  readonly operation: Operation;
  readonly target: Target;
  readonly author: string;
  readonly value: number;
  readonly key?: string | undefined;
  /** The versions of If-Match. */
  readonly versions?: readonly string[] | undefined;
  /** Comes through this link, as a machine or on its page. */
  readonly link?: Link | undefined;
  readonly isOnPage?: boolean;
  /** Sends an immutable field with another value than the stored one. */
  readonly changesRun?: boolean;
  readonly archived?: boolean | undefined;
  /** Names the evaluation in a run that does not have it. */
  readonly isAstray?: boolean;
};

/** `broken` is an error that is no answer of the API. */
export type Outcome = 'ok' | 'created' | 'broken' | FailureCode;

export type Request = {
  readonly number: number;
  readonly intent: Intent;
  readonly edge: number;
  readonly begin: number;
  /** When it began by the clock of its edge. */
  readonly now: string;
  readonly calls: Calls;
  /** The name of the write, if the simulation asked for it. */
  writeId?: string;
  end: number;
  outcome: Outcome | undefined;
  /** The evaluation as the response shows it. */
  row?: EvaluationRow | undefined;
  /** The versions in the response to a history, newest first. */
  replaced?: readonly string[];
  /** The label as the response to its update shows it. */
  updatedLabel?: Pick<LabelRow, 'name' | 'archived_at' | 'updated_at'>;
  error?: string;
};

const SCORE_MAX = 1e6;
const CATEGORIES = ['bad', 'poor', 'fair', 'good', 'best'];

const BARE = { description: null, min_value: null, max_value: null, categories: null };

/** Returns labels of each kind that judges values. */
export function createLabels(owner: string, newId: () => string): Label[] {
  const state = { owner, version: undefined };
  return [
    {
      ...state,
      id: newId(),
      content: {
        ...BARE,
        name: 'score',
        value_type: 'continuous',
        min_value: 0,
        max_value: SCORE_MAX,
      },
      allows: (value) => value >= 0 && value <= SCORE_MAX,
      valueOf: (number) => number,
      illegalOf: (number) => (number % 2 === 0 ? -1 - number : SCORE_MAX + 1 + number),
      hasManyValues: true,
      requests: [],
    },
    {
      ...state,
      id: newId(),
      content: { ...BARE, name: 'grade', value_type: 'ordinal', categories: CATEGORIES },
      allows: (value) => CATEGORIES[value] !== undefined,
      valueOf: (number) => number % CATEGORIES.length,
      illegalOf: (number) => [-1, 0.5, CATEGORIES.length][number % 3] ?? -1,
      hasManyValues: false,
      requests: [],
    },
    {
      ...state,
      id: newId(),
      content: { ...BARE, name: 'passed', value_type: 'binary' },
      allows: (value) => value === 0 || value === 1,
      valueOf: (number) => number % 2,
      illegalOf: (number) => [-1, 0.5, 2][number % 3] ?? -1,
      hasManyValues: false,
      requests: [],
    },
  ];
}

/** The caller's write, as rows show it: no two intents share it. */
export const identityOf = ({ value, author }: Pick<Intent, 'value' | 'author'>) =>
  `${value} by ${author}`;
