/**
 * Describes every operation that needs a token. Many test files run one test for all operations.
 */
import {
  BAD_CURSOR,
  BAD_LABEL_LIMIT,
  BAD_LIMIT,
  ID_IS_TAKEN,
  LABEL_ID_IS_TAKEN,
  NOT_FOUND,
} from './answers.ts';
import { ACCOUNT, DB, makeLabel, type Row, request } from './worker.ts';

type Headers = Record<string, string | null>;

export type Restriction = { readonly run_id?: string; readonly evaluation_id?: string };

/** A kind of resource, such as an evaluation. `pickIds` takes the ids for the path from a row. */
type Resource = {
  readonly pickIds: (row: Row) => Record<string, string>;
  readonly isAllowedBy: (restriction: Restriction, asked: Row) => boolean;
  /**
   * Returns true if a token for `ACCOUNT` finds the resource of the row `stored` with the ids of
   * the row `asked`.
   */
  readonly exists: (stored: Row, asked: Row) => boolean;
};

/** The changes to a request that the operation would otherwise accept. */
type Change = {
  readonly query?: string;
  readonly headers?: Headers;
  /** A string is sent unchanged, an object as JSON. */
  readonly body?: (row: Row) => object | string;
};

type Operation = {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly resource: Resource;
  readonly access: 'read' | 'write';
  /**
   * The precondition headers that the operation evaluates. The operation refuses any other
   * precondition header.
   */
  readonly evaluates?: readonly string[];
  readonly success: 200 | 201 | 204;
  /**
   * The error response if the resource does not exist. Null if the operation needs no stored
   * resource.
   */
  readonly missing: { readonly status: number; readonly error: string } | null;
  readonly body?: (row: Row) => object;
  /** Stores what the operation needs besides the row, for example its label. */
  readonly prepare?: (row: Row) => Promise<unknown>;
  /** Requests that get 400, except for malformed ids (common-refusals.test.ts). */
  readonly malformed: Record<string, Change & { readonly error: string }>;
  /** Requests that get 422 if the row's label allows values from 1 to 10. */
  readonly forbidden: Record<string, Change & { readonly error: string }>;
  /** After a request with `body`, a request with `conflicting` gets 409 and `error`. */
  readonly repeatable?: {
    readonly body: (row: Row) => object;
    readonly conflicting: (row: Row) => object;
    readonly error: string;
  };
};

const same = (restricted: string | undefined, asked: string) =>
  restricted === undefined || restricted.toLowerCase() === asked;

const RUN: Resource = {
  pickIds: ({ run_id }) => ({ id: run_id }),
  isAllowedBy: ({ run_id, evaluation_id }, asked) =>
    evaluation_id === undefined && same(run_id, asked.run_id),
  exists: () => true,
};

const EVALUATION: Resource = {
  pickIds: ({ run_id, id }) => ({ run_id, evaluation_id: id }),
  isAllowedBy: ({ run_id, evaluation_id }, asked) =>
    same(run_id, asked.run_id) && same(evaluation_id, asked.id),
  exists: (stored, asked) =>
    stored.account_id === ACCOUNT && stored.id === asked.id && stored.run_id === asked.run_id,
};

/** A token that is restricted to the evaluation cannot create or revoke its links. */
const LINKS: Resource = {
  pickIds: ({ run_id, id }) => ({ run_id, evaluation_id: id, link_id: LINK_ID }),
  isAllowedBy: ({ run_id, evaluation_id }, asked) =>
    evaluation_id === undefined && same(run_id, asked.run_id),
  exists: EVALUATION.exists,
};
/** The id of a link that nobody has created. Revoking the id still succeeds. */
const LINK_ID = '01000000-0000-8000-8000-000000000001';

/** A token that is restricted to a run can read labels, but cannot write them. */
const labels = (access: 'read' | 'write', pickIds: Resource['pickIds']): Resource => ({
  pickIds,
  isAllowedBy: ({ run_id, evaluation_id }) =>
    evaluation_id === undefined && (run_id === undefined || access === 'read'),
  exists: (stored, asked) =>
    (stored.account_id === ACCOUNT || (stored.account_id === 'shared' && access === 'read')) &&
    stored.evaluation_label_id === asked.evaluation_label_id,
});
const ALL_LABELS: Resource = { ...labels('read', () => ({})), exists: () => true };
const NEW_LABEL: Resource = { ...labels('write', () => ({})), exists: () => true };
const labelIds = ({ evaluation_label_id }: Row) => ({ id: evaluation_label_id });

const EVALUATIONS_PATH = '/v1/run/{id}/evaluations';
const EVALUATION_PATH = '/v1/run/{run_id}/evaluation/{evaluation_id}';

/** Like links: a token that is restricted to the evaluation cannot delete the evaluation. */
const DELETED: Resource = { ...LINKS, pickIds: EVALUATION.pickIds };

const LINKS_PATH = `${EVALUATION_PATH}/links`;

const NOT_JSON = { body: () => '{', error: 'The body must be valid JSON in UTF-8.' };

const BAD_KEY = {
  headers: { 'idempotency-key': 'a b' },
  error:
    'The header idempotency-key must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.',
};

const BAD_IF_MATCH = {
  headers: { 'if-match': 'x' },
  error: 'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
};

/** Stores a label that allows any value. `query` is SQL that selects the account of the label. */
async function storeLabelFor(query: string, params: string[], id: string): Promise<void> {
  const { account_id: _, ...label } = makeLabel({ id });
  const columns = Object.keys(label);
  const sql = `INSERT INTO evaluation_label (account_id, ${columns})
    SELECT account_id, ${columns.map(() => '?')} FROM (${query})
    WHERE NOT EXISTS (SELECT 1 FROM evaluation_label WHERE id = ?)`;
  await DB.prepare(sql)
    .bind(...Object.values(label), ...params, id)
    .run();
}

/**
 * Stores the row's label for `ACCOUNT`, or as a shared label if the row belongs to another account.
 */
const storeUsableLabel = ({ evaluation_label_id, account_id }: Row) =>
  storeLabelFor(
    'SELECT ? AS account_id',
    [account_id === ACCOUNT ? ACCOUNT : 'shared'],
    evaluation_label_id,
  );

/** Stores the label of a stored evaluation, in the evaluation's account. */
const storeRowLabel = ({ id, evaluation_label_id }: Row) =>
  storeLabelFor(
    'SELECT account_id FROM run_evaluation WHERE id = ? AND evaluation_label_id = ? LIMIT 1',
    [id, evaluation_label_id],
    evaluation_label_id,
  );

const creation =
  (change: object = {}) =>
  ({ evaluation_label_id }: Row) => ({ evaluation_label_id, value: 9, ...change });
const makeRepeatableCreation =
  (change: object = {}) =>
  (row: Row) => ({ ...creation(change)(row), id: row.run_id });

const LABELS_PATH = '/v1/evaluation-labels';
const LABEL_PATH = '/v1/evaluation-label/{id}';

const labelCreation =
  (change: object = {}) =>
  () => ({ name: 'tone', value_type: 'continuous', min_value: 1, max_value: 10, ...change });
const makeRepeatableLabelCreation =
  (change: object = {}) =>
  ({ run_id }: Row) => ({ ...labelCreation(change)(), id: run_id });

const UPDATE = {
  path: EVALUATION_PATH,
  resource: EVALUATION,
  access: 'write',
  evaluates: ['If-Match'],
  success: 200,
  missing: NOT_FOUND,
  body: () => ({ value: 9 }),
  malformed: {
    'a body that is not JSON': NOT_JSON,
    'no value': {
      body: () => ({}),
      error: 'The body must have the property value, a JSON number.',
    },
    'If-Match without quotes': BAD_IF_MATCH,
    'an Idempotency-Key with a space': BAD_KEY,
    'If-None-Match': {
      headers: { 'if-none-match': '*' },
      error: 'This operation takes If-Match, not If-None-Match.',
    },
  },
  forbidden: {
    'a value that the label does not allow': {
      body: () => ({ value: 11 }),
      error: 'value must be between 1 and 10.',
    },
    'another account': {
      body: () => ({ value: 5, account_id: 'acc_neighbour' }),
      error: 'account_id cannot be changed: leave it out, or send it as it is stored.',
    },
  },
} as const;

const PAGE = {
  malformed: {
    'a limit of 0': { query: '?limit=0', error: BAD_LIMIT.error },
    'a cursor that no page gave': { query: '?cursor=x', error: BAD_CURSOR.error },
  },
  forbidden: {},
} as const;

const ENTRIES: readonly Operation[] = [
  {
    name: 'createEvaluation',
    method: 'POST',
    path: EVALUATIONS_PATH,
    resource: RUN,
    access: 'write',
    success: 201,
    missing: null,
    body: creation(),
    prepare: storeUsableLabel,
    malformed: {
      'a body that is not JSON': NOT_JSON,
      'no value': {
        body: creation({ value: undefined }),
        error:
          'The body must have the properties evaluation_label_id, a UUID, and value, a JSON number.',
      },
      'an Idempotency-Key with a space': BAD_KEY,
      'an output_name of 256 characters': {
        body: creation({ output_name: 'a'.repeat(256) }),
        error: 'output_name must be at most 255 characters long.',
      },
      'a label that is no UUID': {
        body: creation({ evaluation_label_id: 'tone' }),
        error: 'evaluation_label_id must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
      },
    },
    forbidden: {
      'a value that the label does not allow': {
        body: creation({ value: 11 }),
        error: 'value must be between 1 and 10.',
      },
      'another author': {
        body: creation({ created_by: 'mallory' }),
        error: 'created_by is set by the server: leave it out.',
      },
    },
    repeatable: {
      body: makeRepeatableCreation(),
      conflicting: makeRepeatableCreation({ value: 8 }),
      error: ID_IS_TAKEN.error,
    },
  },
  {
    name: 'listEvaluations',
    method: 'GET',
    path: EVALUATIONS_PATH,
    resource: RUN,
    access: 'read',
    success: 200,
    missing: null,
    malformed: {
      ...PAGE.malformed,
      'a label that is no UUID': {
        query: '?evaluation_label_id=tone',
        error: 'evaluation_label_id must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
      },
    },
    forbidden: {},
  },
  {
    name: 'getEvaluation',
    method: 'GET',
    path: EVALUATION_PATH,
    resource: EVALUATION,
    access: 'read',
    evaluates: ['If-Match', 'If-None-Match'],
    success: 200,
    missing: NOT_FOUND,
    malformed: {},
    forbidden: {},
  },
  { name: 'updateEvaluation', method: 'PUT', ...UPDATE },
  { name: 'updateEvaluationByPost', method: 'POST', ...UPDATE },
  {
    name: 'deleteEvaluation',
    method: 'DELETE',
    path: EVALUATION_PATH,
    resource: DELETED,
    access: 'write',
    evaluates: ['If-Match'],
    success: 204,
    missing: NOT_FOUND,
    malformed: {
      'If-Match without quotes': BAD_IF_MATCH,
      'an Idempotency-Key with a space': BAD_KEY,
    },
    forbidden: {},
  },
  {
    name: 'listReplacedValues',
    method: 'GET',
    path: `${EVALUATION_PATH}/history`,
    resource: EVALUATION,
    access: 'read',
    success: 200,
    missing: NOT_FOUND,
    ...PAGE,
  },
  {
    name: 'createEvaluationLabel',
    method: 'POST',
    path: LABELS_PATH,
    resource: NEW_LABEL,
    access: 'write',
    success: 201,
    missing: null,
    body: labelCreation(),
    malformed: {
      'a body that is not JSON': NOT_JSON,
      'no name': {
        body: labelCreation({ name: undefined }),
        error: 'The body must have the properties name, a string, and value_type.',
      },
      'bounds out of order': {
        body: labelCreation({ min_value: 11 }),
        error: 'min_value must not be greater than max_value.',
      },
    },
    forbidden: {
      'another account': {
        body: labelCreation({ account_id: 'acc_neighbour' }),
        error: 'account_id is set by the server: leave it out.',
      },
    },
    repeatable: {
      body: makeRepeatableLabelCreation(),
      conflicting: makeRepeatableLabelCreation({ max_value: 9 }),
      error: LABEL_ID_IS_TAKEN.error,
    },
  },
  {
    name: 'listEvaluationLabels',
    method: 'GET',
    path: LABELS_PATH,
    resource: ALL_LABELS,
    access: 'read',
    success: 200,
    missing: null,
    malformed: {
      ...PAGE.malformed,
      'a limit of 0': { query: '?limit=0', error: BAD_LABEL_LIMIT.error },
    },
    forbidden: {},
  },
  {
    name: 'getEvaluationLabel',
    method: 'GET',
    path: LABEL_PATH,
    resource: labels('read', labelIds),
    access: 'read',
    evaluates: ['If-Match', 'If-None-Match'],
    success: 200,
    missing: NOT_FOUND,
    prepare: storeRowLabel,
    malformed: {},
    forbidden: {},
  },
  {
    name: 'updateEvaluationLabel',
    method: 'PUT',
    path: LABEL_PATH,
    resource: labels('write', labelIds),
    access: 'write',
    evaluates: ['If-Match'],
    success: 200,
    missing: NOT_FOUND,
    body: () => ({ name: 'tone of voice' }),
    prepare: storeRowLabel,
    malformed: {
      'a body that is not JSON': NOT_JSON,
      'no change': {
        body: () => ({ value_type: 'continuous' }),
        error:
          'The body must have name, description or archived: nothing else of a label can change.',
      },
      'If-Match without quotes': UPDATE.malformed['If-Match without quotes'],
      'If-None-Match': UPDATE.malformed['If-None-Match'],
    },
    forbidden: {
      'another rule': {
        body: () => ({ name: 'tone', min_value: 0 }),
        error: 'min_value cannot be changed: leave it out, or send it as it is stored.',
      },
      'another account': {
        body: () => ({ archived: true, account_id: 'shared' }),
        error: 'account_id cannot be changed: leave it out, or send it as it is stored.',
      },
    },
  },
  {
    name: 'createEvaluationLink',
    method: 'POST',
    path: LINKS_PATH,
    resource: LINKS,
    access: 'write',
    success: 201,
    missing: NOT_FOUND,
    body: () => ({ name: 'anna' }),
    malformed: {
      'a body that is not JSON': NOT_JSON,
      'a link for a minute less a second': {
        body: () => ({ expires_in: 59 }),
        error: 'expires_in must be a whole number of seconds from 60 to 7776000.',
      },
      'a name with a slash': {
        body: () => ({ name: 'a/b' }),
        error: 'name must be 1 to 64 letters, digits, or any of . _ @ + -',
      },
      'a pointer that is none': {
        body: () => ({ pointer: 'value' }),
        error:
          'pointer must be a JSON Pointer (RFC 6901): empty, or /, followed by names with ~ written ~0 and / written ~1.',
      },
      'values that are none': {
        body: () => ({ values: ['approved'] }),
        error:
          'values must be an object of at most 32 numbers, such as {"approved":1,"rejected":0}.',
      },
    },
    forbidden: {
      'another author': {
        body: () => ({ author: 'mallory' }),
        error: 'author is set by the server: leave it out.',
      },
    },
  },
  {
    name: 'revokeEvaluationLink',
    method: 'DELETE',
    path: `${LINKS_PATH}/{link_id}`,
    resource: LINKS,
    access: 'write',
    success: 204,
    missing: NOT_FOUND,
    malformed: {},
    forbidden: {},
  },
];

export const fill = (template: string, ids: Record<string, string>) =>
  template.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '');

/**
 * `requestFor` first stores the data that the operation needs. `requestAlone` only makes the
 * request.
 */
export const OPERATIONS = ENTRIES.map((operation) => {
  const requestAlone = async (row: Row, headers: Headers = {}, change: Change = {}) => {
    const { method, path, resource, body } = operation;
    const content = (change.body ?? body)?.(row);
    return request(`${fill(path, resource.pickIds(row))}${change.query ?? ''}`, {
      method,
      headers: { ...headers, ...change.headers },
      ...(content === undefined
        ? {}
        : { body: typeof content === 'string' ? content : JSON.stringify(content) }),
    });
  };
  const requestFor: typeof requestAlone = async (row, ...changes) => {
    await operation.prepare?.(row);
    return requestAlone(row, ...changes);
  };
  return { ...operation, requestAlone, requestFor };
});

/**
 * Returns the result of each operation under its name, so that a failed comparison shows the name.
 */
export async function runByOperation<T>(
  run: (operation: (typeof OPERATIONS)[number]) => T | Promise<T>,
): Promise<Record<string, T>> {
  const results: Record<string, T> = {};
  for (const operation of OPERATIONS) results[operation.name] = await run(operation);
  return results;
}
