/** Describes the operations on evaluation labels for the OpenAPI document. */
import { keyIsTaken, notFound } from '../failure.ts';
import {
  ACCOUNT_MAX_CHARS,
  CATEGORIES_MAX_COUNT,
  CATEGORY_MAX_CHARS,
  LABEL_DESCRIPTION_MAX_CHARS,
  LABEL_NAME_MAX_CHARS,
  LABEL_PAGE_MAX_ROWS,
  SUBJECT_MAX_CHARS,
} from '../limits.ts';
import * as api from '../openapi.ts';
import * as input from './input.ts';
import type { EvaluationLabel } from './read.ts';

export const tag = {
  name: 'evaluation labels',
  description:
    'What values evaluations may have, and what they mean. The rule (`value_type`, ' +
    '`min_value`, `max_value`, `categories`) never changes, for it would change what stored ' +
    'values say: make another label, and archive the old one. An account sees its own labels ' +
    'and those of the account `shared`; of two with one id, its own.',
};

const SHARED_EXAMPLE: EvaluationLabel = {
  id: '018f4d3a-0001-7000-8000-000000000001',
  account_id: 'shared',
  name: 'tone',
  description: 'How well the reply strikes the tone',
  value_type: 'continuous',
  min_value: 1,
  max_value: 10,
  categories: null,
  archived_at: null,
  created_by: null,
  created_at: '2026-11-01T08:00:00.000Z',
  updated_by: null,
};
const CREATED_EXAMPLE: EvaluationLabel = {
  ...SHARED_EXAMPLE,
  id: '018f4d3a-0010-7000-8000-000000000010',
  account_id: 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M',
  name: 'Response Quality',
  description: 'Overall quality of the response',
  created_by: 'user-123',
  created_at: '2026-11-22T14:29:00.000Z',
};
const UPDATED_EXAMPLE: EvaluationLabel = {
  ...CREATED_EXAMPLE,
  name: 'Quality',
  archived_at: '2026-11-22T14:35:00.000Z',
  updated_by: 'user-123',
  updated_at: '2026-11-22T14:35:00.000Z',
};

const { id, name, description, value_type, min_value, max_value } = CREATED_EXAMPLE;

const NULL = { type: 'null' };
const UNBOUNDED = { min_value: NULL, max_value: NULL };
/** Code generators ignore the keyword `if`, so they generate one type for all labels. */
const RULE = {
  if: api.someProperties({ value_type: { enum: ['categorical', 'ordinal'] } }),
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: {
    required: ['categories'],
    ...api.someProperties({ categories: { not: NULL }, ...UNBOUNDED }),
  },
  else: {
    ...api.someProperties({ categories: NULL }),
    if: api.someProperties({ value_type: { const: 'binary' } }),
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: api.someProperties(UNBOUNDED),
  },
};
/** With `anyOf` outside `allOf`, openapi-typescript would turn the body into `unknown`. */
const ONE_CHANGE = {
  allOf: [{ anyOf: ['name', 'description', 'archived'].map((name) => ({ required: [name] })) }],
};

const content = {
  name: { ...api.text('What it is called', LABEL_NAME_MAX_CHARS), minLength: 1 },
  description: api.textOrNull('What is evaluated', LABEL_DESCRIPTION_MAX_CHARS),
  value_type: {
    type: 'string',
    enum: input.VALUE_TYPES,
    description:
      'What a `value` is: 0 or 1; a number; an index into `categories`; an index into ' +
      '`categories` in order',
  },
  min_value: api.numberOrNull('The least value of a continuous label; null is open'),
  max_value: api.numberOrNull('The greatest value of a continuous label; null is open'),
  categories: {
    type: ['array', 'null'],
    description: 'The categories of a categorical or ordinal label, counted from 0',
    minItems: 1,
    maxItems: CATEGORIES_MAX_COUNT,
    uniqueItems: true,
    items: { type: 'string', minLength: 1, maxLength: CATEGORY_MAX_CHARS },
  },
};

const resource = {
  id: api.uuid('Unique identifier of the label'),
  account_id: api.text(
    'The account that owns the label; `shared` if every account may use it',
    ACCOUNT_MAX_CHARS,
  ),
  ...content,
  archived_at: api.timeOrNull('When it was archived; null if it takes new evaluations'),
  created_by: api.textOrNull('Who created it', SUBJECT_MAX_CHARS),
  created_at: api.time('When it was created'),
  updated_by: api.textOrNull('Who last updated it', SUBJECT_MAX_CHARS),
  updated_at: api.time('When it was last updated; absent while it never was'),
};
const stored = { fields: input.IMMUTABLE, sentence: api.IMMUTABLE_FIELD, schemas: resource };
const set = {
  fields: input.SERVER_FIELDS,
  sentence: api.SERVER_FIELD,
  schemas: {
    ...resource,
    archived: { type: 'boolean', const: false },
    archived_at: NULL,
    created_by: api.text('', SUBJECT_MAX_CHARS),
    created_at: api.NEVER,
  },
};

const schemas = api.nameComponents({
  EvaluationLabel: api.resourceSchema<EvaluationLabel>(resource, RULE),
  EvaluationLabelCreate: api.requestSchema(
    input.LabelCreateBody,
    set,
    {
      ...content,
      id: 'An id that the caller chooses, which makes a retry safe.',
      ...api.IGNORED,
    },
    RULE,
  ),
  EvaluationLabelUpdate: api.requestSchema(
    input.LabelUpdateBody,
    stored,
    {
      name: content.name,
      description: content.description,
      archived: 'True if the label takes no new evaluations',
      ...api.IGNORED,
    },
    ONE_CHANGE,
  ),
});

const parameters = api.nameComponents({
  LabelId: api.idParameter('id', 'evaluation label', SHARED_EXAMPLE.id),
  LabelLimit: api.limitParameter('labels', LABEL_PAGE_MAX_ROWS, 10),
});

const headers = api.nameComponents({
  LabelLocation: api.header('The path of the label.', {
    pattern: '^/v1/evaluation-label/[0-9a-f-]{36}$',
  }),
});

const refusals = api.nameComponents({
  LabelBadRequest: api.refusal('An id in the path, the query, a header or the body is malformed.', {
    limit: `limit must be a whole number from 1 to ${LABEL_PAGE_MAX_ROWS}.`,
    type: 'value_type must be binary, continuous, categorical or ordinal.',
    order: 'min_value must not be greater than max_value.',
    categories: input.CATEGORIES,
    nothing:
      'The body must have name, description or archived: nothing else of a label can change.',
  }),
  LabelNotFound: api.refusal(
    "The label does not exist, belongs to another account, or is outside the token's restriction: " +
      'always the same response. Check the ids and the token.',
    { label: notFound().message },
  ),
  LabelConflict: api.refusal(
    'Another label of the account, or a shared label, has this `id`: choose another `id`, or ' +
      'leave it out. Or the `Idempotency-Key` was sent before, with other content: send a new key.',
    {
      taken:
        'Another label of the account, or a shared label, has this id: choose another id, or ' +
        'leave it out.',
      key: keyIsTaken().message,
    },
    api.BOOKMARK,
  ),
  LabelPreconditionFailed: api.staleRefusal('label', 'evaluation label'),
  LabelUnprocessable: api.refusal(
    'A field differs that cannot be set or changed.',
    {
      rule: 'categories cannot be changed: leave it out, or send it as it is stored.',
      field: 'account_id is set by the server: leave it out.',
      key:
        'The Idempotency-Key was sent to this label before, with another update: send a new key ' +
        'with a new update.',
    },
    api.BOOKMARK,
  ),
});

export const paths = {
  '/v1/evaluation-labels': {
    get: api.operation(tag, 'listEvaluationLabels', {
      summary: 'List the evaluation labels',
      description:
        "Lists the account's own and the shared labels, archived labels too. Oldest first; labels " +
        'of the same millisecond by id.',
      parameters: [parameters.LabelLimit, api.parameters.Cursor],
      responses: {
        200: api.pageResponse(
          'labels',
          schemas.EvaluationLabel,
          LABEL_PAGE_MAX_ROWS,
          SHARED_EXAMPLE,
        ),
        400: refusals.LabelBadRequest.withDescription(
          `${api.MALFORMED.page(LABEL_PAGE_MAX_ROWS)}.`,
        ),
        404: refusals.LabelNotFound.withDescription(
          'The token is restricted to one evaluation: use one that may read labels.',
        ),
      },
    }),
    post: api.operation(tag, 'createEvaluationLabel', {
      summary: 'Create an evaluation label',
      description:
        "With an `id` of the caller's own or an `Idempotency-Key` (the id is then derived from " +
        '`sub` and key), a repeated create is safe: the same content gets 200, whatever was ' +
        'updated since; other content gets 409. The id of a shared label is taken for every ' +
        'account. A token of the account `shared` makes shared labels. Unknown properties are ' +
        'ignored.',
      parameters: [api.parameters.IdempotencyKey],
      requestBody: api.body(schemas.EvaluationLabelCreate, {
        binary: api.example('Yes or no', {
          name: 'Factual Accuracy',
          description: 'Is the response factually correct?',
          value_type: 'binary',
        }),
        continuous: api.example('A range, with an id, safe to repeat', {
          id,
          name,
          description,
          value_type,
          min_value,
          max_value,
        }),
        categorical: api.example('One of several', {
          name: 'Tone',
          description: 'The tone of the response',
          value_type: 'categorical',
          categories: ['formal', 'casual', 'technical', 'friendly'],
        }),
      }),
      responses: {
        ...api.createdResponses(
          'label',
          schemas.EvaluationLabel,
          CREATED_EXAMPLE,
          headers.LabelLocation,
        ),
        400: refusals.LabelBadRequest.withDescription(
          `${api.MALFORMED.create}; a property is missing or not as the schema has it; ` +
            '`min_value` and `max_value` are out of order, or sent for a label that is not ' +
            'continuous; `categories` are missing, or sent for a label without them.',
        ),
        404: refusals.LabelNotFound.withDescription(
          'The token is restricted to a run or an evaluation.',
        ),
        409: refusals.LabelConflict,
        422: refusals.LabelUnprocessable.withDescription(
          '`account_id`, `created_by`, `archived` or `archived_at` is sent and differs from ' +
            'what the server sets, or `created_at` is sent: leave it out.',
        ),
      },
    }),
  },
  '/v1/evaluation-label/{id}': {
    parameters: [parameters.LabelId],
    get: api.operation(tag, 'getEvaluationLabel', {
      summary: 'Get an evaluation label',
      description: "Returns the account's own label or a shared label, archived or not.",
      parameters: [api.parameters.IfMatchToRead, api.parameters.IfNoneMatch],
      responses: {
        200: api.jsonResponse('The label.', schemas.EvaluationLabel, SHARED_EXAMPLE, api.TAGGED),
        304: api.NOT_MODIFIED,
        400: refusals.LabelBadRequest.withDescription(
          `\`id\` in the path is not a UUID; ${api.MALFORMED.read}.`,
        ),
        404: refusals.LabelNotFound,
        412: refusals.LabelPreconditionFailed,
      },
    }),
    put: api.operation(tag, 'updateEvaluationLabel', {
      summary: 'Update an evaluation label',
      description:
        'Sets `name`, `description` and `archived`, of which the body must have at least one, and ' +
        '`updated_by` and `updated_at`. The other fields may be sent as they are stored, so ' +
        'that the whole object can be put back. `updated_by`, `updated_at` and unknown ' +
        'properties are ignored. An archived label takes no new evaluations.\n\n' +
        'Without `If-Match` and `Idempotency-Key`, the same content from the same caller again ' +
        'changes nothing, unless another caller has updated the label since. Only a token of the ' +
        'account `shared` can change a shared label; every other token gets 404.',
      parameters: [api.parameters.IfMatch, api.parameters.IdempotencyKey],
      requestBody: api.body(schemas.EvaluationLabelUpdate, {
        whole: api.example('The whole object put back, edited', {
          ...CREATED_EXAMPLE,
          name: 'Quality',
          archived: true,
        }),
        archive: api.example('Renamed and archived', { name: 'Quality', archived: true }),
      }),
      responses: {
        200: api.jsonResponse(
          'The label as this write stored it. If the same caller has sent the same content ' +
            'again, the label is unchanged.',
          schemas.EvaluationLabel,
          UPDATED_EXAMPLE,
          api.TAGGED,
        ),
        400: refusals.LabelBadRequest.withDescription(
          `\`id\` in the path is not a UUID; ${api.MALFORMED.update}; \`name\`, ` +
            '`description` or `archived` does not fit the schema, or the body has none of the ' +
            'three.',
        ),
        404: refusals.LabelNotFound,
        412: refusals.LabelPreconditionFailed,
        422: refusals.LabelUnprocessable.withDescription(
          'The body has a field that cannot be changed, with another value than the stored one: ' +
            'leave it out, or send it as it is stored. Or the `Idempotency-Key` was sent before with ' +
            'another update: send a new key.',
        ),
      },
    }),
  },
};
