/** Defines the accounts, labels, evaluations, intents and requests of a simulated world. */
import type { EvaluationRow } from '../../src/evaluation/read.ts';
import type { FailureCode } from '../../src/failure.ts';
import type { LabelRow } from '../../src/label/read.ts';
import type { Link } from '../../src/link/key.ts';
import type { AccountId } from '../../src/principal.ts';
import type { Calls } from './network.ts';

/** The account that may live in an object, and the account that always lives in D1. */
export const MOVER = 'acc_mover' as AccountId;
export const STAYER = 'acc_stayer' as AccountId;

/** The number of entries in a page of a list. */
export const LIMIT = 50;

/** The first moment of every run. */
export const START = Date.UTC(2026, 10, 22);

export type Label = {
  readonly id: string;
  /** The account of the label; `shared` for a label that every account may use. */
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
  readonly makeValue: (number: number) => number;
  /** Returns a value that the label refuses; different for each number if the label allows many. */
  readonly makeIllegalValue: (number: number) => number;
  readonly hasManyValues: boolean;
  /** The last version that a response showed. */
  version: string | undefined;
  readonly requests: Request[];
};

/** An id that callers create, delete and create again. */
export type Target = {
  readonly account: AccountId;
  readonly run: string;
  readonly id: string;
  readonly label: Label;
  /** The Idempotency-Key of the create; undefined if the create sends the id. */
  readonly key: string | undefined;
  readonly links: Link[];
  /** The versions that responses showed; empty after a response without the evaluation. */
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

/** A write or a read that a caller intends. Callers may send several requests for one intent. */
export type Intent = {
  readonly operation: Operation;
  readonly target: Target;
  readonly author: string;
  readonly value: number;
  readonly key?: string | undefined;
  /** The versions of If-Match. */
  readonly versions?: readonly string[] | undefined;
  /** The link that the caller uses, as a machine or on its page. */
  readonly link?: Link | undefined;
  readonly isOnPage?: boolean;
  /** Sends an immutable field with another value than the stored one. */
  readonly changesRun?: boolean;
  readonly archived?: boolean | undefined;
  /** Sends the id of another run in the path. */
  readonly isAstray?: boolean;
};

/** The result of a request. `broken` means an error that is not a Failure. */
export type Outcome = 'ok' | 'created' | 'broken' | FailureCode;

export type Request = {
  readonly number: number;
  readonly intent: Intent;
  readonly edge: number;
  readonly begin: number;
  /** The time of the beginning on the clock of the edge. */
  readonly now: string;
  readonly calls: Calls;
  /** The name of the write (src/db/write.ts), recorded for deletions only. */
  writeId?: string;
  end: number;
  outcome: Outcome | undefined;
  /** The evaluation in the response. */
  row?: EvaluationRow | undefined;
  /** The versions in the response to a history, newest first. */
  replaced?: readonly string[];
  /** The label in the response to its update. */
  updatedLabel?: Pick<LabelRow, 'name' | 'archived_at' | 'updated_at'>;
  error?: string;
};

const SCORE_MAX = 1e6;
const CATEGORIES = ['bad', 'poor', 'fair', 'good', 'best'];

const BARE = { description: null, min_value: null, max_value: null, categories: null };

/** Creates a label of each value type that restricts values. */
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

/** Formats value and author. Together they identify the intent of an update. */
export const formatIdentity = (one: { readonly value: number; readonly author: string | null }) =>
  `${one.value} by ${one.author}`;
