/** Defines the labels, evaluations, intents and requests of the simulation. */
import type { EvaluationRow } from '../../src/evaluation/read.ts';
import type { FailureCode } from '../../src/failure.ts';
import type { LabelRow } from '../../src/label/read.ts';
import type { Link } from '../../src/link/key.ts';
import type { AccountId } from '../../src/principal.ts';
import type { Calls } from './network.ts';

/** The account whose rows are in D1 or in a Durable Object, depending on the seed (run.ts). */
export const MOVER = 'acc_mover' as AccountId;
/** The account whose rows are always in D1. */
export const STAYER = 'acc_stayer' as AccountId;

export const PAGE_MAX_ENTRIES = 50;

export const START = Date.UTC(2026, 10, 22);

export type Label = {
  readonly id: string;
  /** The id of an account; `shared` if every account may use the label. */
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
  readonly makeValue: (number: number) => number;
  readonly makeIllegalValue: (number: number) => number;
  /** Is true if `makeValue` returns a different value for each number. */
  readonly hasManyValues: boolean;
  /** The version in the most recent response that showed the label. */
  version: string | undefined;
  readonly requests: Request[];
};

/** An evaluation that callers create, delete and create again with the same id. */
export type Target = {
  readonly account: AccountId;
  readonly run: string;
  readonly id: string;
  readonly label: Label;
  /** The Idempotency-Key of the create requests; undefined if callers send `id`. */
  readonly key: string | undefined;
  readonly links: Link[];
  /** The versions in responses so far. Empty while the evaluation is missing. */
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

/** A read or write that a caller wants to make. Callers may repeat an intent in a new request. */
export type Intent = {
  readonly operation: Operation;
  readonly target: Target;
  readonly author: string;
  readonly value: number;
  readonly key?: string | undefined;
  /** The versions in If-Match, or the version in the form on a link's page. */
  readonly versions?: readonly string[] | undefined;
  readonly link?: Link | undefined;
  /** Is true if a person answers on the link's page. */
  readonly isOnPage?: boolean;
  readonly hasWrongRunInBody?: boolean;
  readonly archived?: boolean | undefined;
  readonly hasWrongRunInPath?: boolean;
};

/** The result of a request. `broken` means that the operation threw an unexpected error. */
export type Outcome = 'ok' | 'created' | 'broken' | FailureCode;

export type Request = {
  readonly number: number;
  readonly intent: Intent;
  readonly edge: number;
  /** The simulated time when the request began, in milliseconds since 1970. */
  readonly begin: number;
  /** The time on the edge's clock when the request began, in ISO 8601. */
  readonly now: string;
  readonly calls: Calls;
  /** The `write_id` of a deletion; undefined for other operations. */
  writeId?: string;
  end: number;
  outcome: Outcome | undefined;
  row?: EvaluationRow | undefined;
  /** The `replaced_at` of each history entry in the response, newest first. */
  replaced?: readonly string[];
  updatedLabel?: Pick<LabelRow, 'name' | 'archived_at' | 'updated_at'>;
  error?: string;
};

const SCORE_MAX = 1e6;
const CATEGORIES = ['bad', 'poor', 'fair', 'good', 'best'];

const BARE = { description: null, min_value: null, max_value: null, categories: null };

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

/** Formats a value and its author, which together identify an update of an evaluation. */
export const formatIdentity = (one: { readonly value: number; readonly author: string | null }) =>
  `${one.value} by ${one.author}`;
