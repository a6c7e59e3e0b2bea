/** Describes the operations on evaluations for the OpenAPI document. */
import { keyIsTaken, notFound } from '../failure.ts';
import {
  ACCOUNT_MAX_CHARS,
  AUTHOR_MAX_CHARS,
  FIELD_PATH_MAX_CHARS,
  OUTPUT_NAME_MAX_CHARS,
  PAGE_MAX_ROWS,
  SUBJECT_MAX_CHARS,
} from '../limits.ts';
import * as api from '../openapi.ts';
import { EvaluationCreateBody, EvaluationUpdateBody, IMMUTABLE, SERVER_FIELDS } from './input.ts';
import type { ReplacedRow, RunEvaluation } from './read.ts';

export const tag = {
  name: 'evaluations',
  description:
    'One value of a run under one label. The `value_type` of the label determines which values are ' +
    'allowed: `binary`, 0 or 1; `continuous`, from `min_value` to `max_value`, both included, ' +
    'an absent bound being open; `categorical` and `ordinal`, an index into `categories`, ' +
    "counted from 0. A value is never rounded or clamped. A label is the account's own or " +
    'shared; until it is there, an update may store any finite number.',
};

const EXAMPLE: RunEvaluation = {
  id: '018f4d3d-0001-7000-8000-000000000001',
  account_id: 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M',
  run_id: '018f4d3c-0001-7000-8000-000000000001',
  output_name: 'reply',
  field_path: '$.text',
  evaluation_label_id: '018f4d3a-0001-7000-8000-000000000001',
  value: 6,
  created_by: null,
  created_by_evaluator_id: '018f4d3b-0001-7000-8000-000000000001',
  created_at: '2026-11-01T09:00:00.000Z',
  updated_by: null,
};
export const UPDATED_EXAMPLE: RunEvaluation = {
  ...EXAMPLE,
  value: 7.5,
  updated_by: 'user-123',
  updated_at: '2026-11-22T14:31:55.173Z',
};
const CREATED_EXAMPLE: RunEvaluation = {
  ...EXAMPLE,
  id: '018f4d3d-0010-7000-8000-000000000010',
  value: 9,
  created_by: 'user-123',
  created_by_evaluator_id: null,
  created_at: '2026-11-22T14:30:00.000Z',
};
const REPLACED_EXAMPLE: ReplacedRow = {
  evaluation_id: EXAMPLE.id,
  value: 6,
  updated_by: '018f4d3b-0001-7000-8000-000000000001',
  updated_at: '2026-11-01T09:00:00.000Z',
  replaced_by: 'user-123',
  replaced_at: '2026-11-22T14:31:55.173Z',
};

const { id, evaluation_label_id, value, output_name, field_path } = CREATED_EXAMPLE;

const target = {
  output_name: api.textOrNull('Name of the output being evaluated', OUTPUT_NAME_MAX_CHARS),
  field_path: api.textOrNull(
    'JSON path to the specific field being evaluated',
    FIELD_PATH_MAX_CHARS,
  ),
};

const resource = {
  id: api.uuid('Unique identifier for the run evaluation'),
  account_id: api.text('ID of the account that owns this evaluation', ACCOUNT_MAX_CHARS),
  run_id: api.uuid('ID of the run being evaluated'),
  ...target,
  evaluation_label_id: api.uuid('ID of the evaluation label used'),
  value: api.number('The evaluation value'),
  created_by: api.textOrNull('ID of the user who created the evaluation', SUBJECT_MAX_CHARS),
  created_by_evaluator_id: api.uuidOrNull('ID of the evaluator that created this evaluation'),
  created_at: api.time('When the evaluation was created'),
  updated_by: api.textOrNull('ID of the user who last updated the evaluation', AUTHOR_MAX_CHARS),
  updated_at: api.time('When the evaluation was last updated; absent until the first update'),
};
const stored = { fields: IMMUTABLE, sentence: api.IMMUTABLE_FIELD, schemas: resource };
const set = {
  fields: SERVER_FIELDS,
  sentence: api.SERVER_FIELD,
  schemas: { ...resource, created_at: api.NEVER },
};

export const schemas = api.nameComponents({
  RunEvaluation: api.resourceSchema<RunEvaluation>(resource),
  ReplacedValue: api.objectSchema<ReplacedRow>({
    evaluation_id: api.uuid('ID of the evaluation'),
    value: api.number('The value that was replaced'),
    updated_by: api.textOrNull(
      'Who had set the value: a user, or the evaluator that created the evaluation',
    ),
    updated_at: api.time('When the value had been set'),
    replaced_by: api.textOrNull('Who replaced the value'),
    replaced_at: api.time('When the value was replaced'),
  }),
  EvaluationUpdate: api.requestSchema(EvaluationUpdateBody, stored, {
    value: "A number in the range of a double that the evaluation's label allows.",
    ...api.IGNORED,
  }),
  EvaluationCreate: api.requestSchema(EvaluationCreateBody, set, {
    evaluation_label_id: 'A label of the account, or a shared label.',
    value: 'A number in the range of a double that the label allows.',
    ...target,
    id: "An id of the caller's own, unique in its account, which makes a repetition safe.",
    ...api.IGNORED,
  }),
});

export const parameters = api.nameComponents({
  Id: api.idParameter('id', 'run', EXAMPLE.run_id),
  RunId: api.idParameter('run_id', 'run', EXAMPLE.run_id),
  EvaluationId: api.idParameter('evaluation_id', 'evaluation', EXAMPLE.id),
  OfLabel: api.idQueryParameter(
    'evaluation_label_id',
    'Only the evaluations under this label.',
    EXAMPLE.evaluation_label_id,
  ),
  HistoryCursor: api.cursorParameter(REPLACED_EXAMPLE.replaced_at),
});

const headers = api.nameComponents({
  Location: api.header('The path of the evaluation.', {
    pattern: '^/v1/run/[0-9a-f-]{36}/evaluation/[0-9a-f-]{36}$',
  }),
});

export const refusals = api.nameComponents({
  BadRequest: api.refusal('An id in the path, the query, a header or the body is malformed.', {
    path:
      'The evaluation_id in the path must be a UUID, such as ' +
      '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
    run: 'The id in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
    'if-none-match': 'This operation takes If-Match, not If-None-Match.',
    precondition: 'This operation takes no precondition: leave If-Match out.',
    tags: 'If-Match must name at most 100 entity tags.',
    'if-match':
      'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
    limit: `limit must be a whole number from 1 to ${PAGE_MAX_ROWS}.`,
    cursor: 'cursor must be one that came in a Link header, as it came.',
    json: api.SENTENCES.json,
    form: api.SENTENCES.form,
    place: api.SENTENCES.place,
    value: 'value must be a JSON number: send it without quotes.',
    label: 'evaluation_label_id must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
    key:
      'The header idempotency-key must be 1 to 255 visible ASCII characters without quotes ' +
      'inside; quotes around them are optional.',
  }),
  NotFound: api.refusal(
    "It does not exist, belongs to another run or account, or is outside the token's " +
      'restriction: always the same response. Check the ids and the token.',
    {
      evaluation: notFound().message,
      label:
        'No such evaluation label: evaluation_label_id must name a label of the account, or a ' +
        'shared label.',
    },
  ),
  Conflict: api.refusal(
    'Another evaluation of this account has this `id`, with other content: send another ' +
      '`id`, or leave it out. Or the `Idempotency-Key` was sent before with other content: send a new ' +
      'key. Or the evaluation was deleted after the request began: send it again.',
    {
      id:
        'Another evaluation of this account has this id, with other content: choose another id, ' +
        'or leave it out.',
      key: keyIsTaken().message,
    },
    api.BOOKMARK,
  ),
  PreconditionFailed: api.staleRefusal('evaluation'),
  UnprocessableContent: api.refusal(
    'A field differs that cannot be set or changed, or the label does not allow the value.',
    {
      label: 'value must be between 1 and 10.',
      field: 'account_id cannot be changed: leave it out, or send it as it is stored.',
      key:
        'The Idempotency-Key was sent to this evaluation before, with the value 9: send a new ' +
        'key with a new value.',
      archived:
        'The evaluation label is archived and takes no new evaluations: use another label, or ' +
        'unarchive this one.',
    },
    api.BOOKMARK,
  ),
});

const BAD_IDS = '`run_id` or `evaluation_id` in the path is not a UUID';
const BAD_VALUE = '`value` is missing, is not a JSON number, or is too large for a double';

const update = {
  parameters: [api.parameters.IfMatch, api.parameters.IdempotencyKey],
  requestBody: api.body(schemas.EvaluationUpdate, {
    value: api.example('The value alone', { value: 7.5 }),
    whole: api.example('The whole object put back, with its value edited', {
      ...EXAMPLE,
      value: 7.5,
    }),
  }),
  responses: {
    200: api.jsonResponse(
      'The evaluation as this write stored it. If the same caller has sent the same value again, ' +
        'the evaluation is unchanged.',
      schemas.RunEvaluation,
      UPDATED_EXAMPLE,
      api.TAGGED,
    ),
    400: refusals.BadRequest.withDescription(`${BAD_IDS}; ${api.MALFORMED.update}; ${BAD_VALUE}.`),
    404: refusals.NotFound,
    412: refusals.PreconditionFailed,
    422: refusals.UnprocessableContent.withDescription(
      'The body has a field that cannot be changed, with another value than the stored one: ' +
        'leave it out, or send it as it is stored. The `Idempotency-Key` was sent before with another value: ' +
        'send a new key. Or the label does not allow the value: the sentence tells what it allows.',
    ),
  },
};

export const paths = {
  '/v1/run/{id}/evaluations': {
    parameters: [parameters.Id],
    get: api.operation(tag, 'listEvaluations', {
      summary: 'List the evaluations of a run',
      description:
        'Lists the oldest first, and evaluations of the same millisecond by id. An unknown run has ' +
        'none. A page of one label may have fewer entries than `limit`, even none: only `Link` ' +
        'tells whether there may be more.',
      parameters: [parameters.OfLabel, api.parameters.Limit, api.parameters.Cursor],
      responses: {
        200: api.pageResponse('evaluations', schemas.RunEvaluation, PAGE_MAX_ROWS, EXAMPLE),
        400: refusals.BadRequest.withDescription(
          '`id` in the path or `evaluation_label_id` is not a UUID; ' +
            `${api.MALFORMED.page(PAGE_MAX_ROWS)}.`,
        ),
        404: refusals.NotFound.withDescription(
          'The token is restricted to another run, or to one evaluation: use one that may list ' +
            'the run.',
        ),
      },
    }),
    post: api.operation(tag, 'createEvaluation', {
      summary: 'Create an evaluation',
      description:
        "Sets `created_by` to the token's `sub`. If the token has `evaluator_id`, sets " +
        "`created_by_evaluator_id` to that instead. With an `id` of the caller's own or an " +
        '`Idempotency-Key` (the id is then derived from `sub`, evaluator, run and key), a repeated create ' +
        'is safe: the same content (run, label, first value, `output_name`, `field_path`) gets ' +
        "200, whatever was updated since; other content gets 409. An id is the account's own " +
        'business: another account may use the same. Unknown properties are ignored.',
      parameters: [api.parameters.IdempotencyKey],
      requestBody: api.body(schemas.EvaluationCreate, {
        repeatable: api.example('With an id, safe to repeat', {
          id,
          evaluation_label_id,
          value,
          output_name,
          field_path,
        }),
        least: api.example('What is required', { evaluation_label_id, value }),
      }),
      responses: {
        ...api.createdResponses(
          'evaluation',
          schemas.RunEvaluation,
          CREATED_EXAMPLE,
          headers.Location,
        ),
        400: refusals.BadRequest.withDescription(
          `\`id\` in the path is not a UUID; ${api.MALFORMED.create}; ${BAD_VALUE}; ` +
            '`evaluation_label_id` is missing or not a UUID; `id` is sent and not a UUID; ' +
            '`output_name` or `field_path` is neither null nor a string of valid Unicode, or ' +
            `is longer than ${api.formatCount(OUTPUT_NAME_MAX_CHARS)} or ` +
            `${api.formatCount(FIELD_PATH_MAX_CHARS)} characters.`,
        ),
        404: refusals.NotFound.withDescription(
          'The token is restricted to another run, or to one evaluation: use one that may ' +
            'create in the run. Or `evaluation_label_id` names no label of the account and no ' +
            'shared label.',
        ),
        409: refusals.Conflict,
        422: refusals.UnprocessableContent.withDescription(
          '`account_id`, `run_id`, `created_by` or `created_by_evaluator_id` is sent and ' +
            'differs from what the server sets, or `created_at` is sent: leave it out. Or the ' +
            'label is archived, or does not allow the value: the sentence tells what it allows.',
        ),
      },
    }),
  },
  '/v1/run/{run_id}/evaluation/{evaluation_id}': {
    parameters: [parameters.RunId, parameters.EvaluationId],
    get: api.operation(tag, 'getEvaluation', {
      summary: 'Get an evaluation',
      description:
        'A replica may answer: send the bookmark of a write to be sure to see that write.',
      parameters: [api.parameters.IfMatchToRead, api.parameters.IfNoneMatch],
      responses: {
        200: api.jsonResponse('The evaluation.', schemas.RunEvaluation, EXAMPLE, api.TAGGED),
        304: api.NOT_MODIFIED,
        400: refusals.BadRequest.withDescription(`${BAD_IDS}; ${api.MALFORMED.read}.`),
        404: refusals.NotFound,
        412: refusals.PreconditionFailed,
      },
    }),
    put: api.operation(tag, 'updateEvaluation', {
      ...update,
      summary: 'Update run evaluation',
      description:
        "Sets `value`, `updated_by` (the token's `sub`) and `updated_at`. The other fields may " +
        'be sent as they are stored, so that the whole object can be put back: UUIDs in either ' +
        'case, `created_at` in any ISO 8601 form. `updated_by`, `updated_at` and unknown ' +
        'properties are ignored.\n\n' +
        'Without `If-Match` and `Idempotency-Key`, the same value from the same caller again ' +
        'changes nothing, not even `ETag`. With either, from another caller, or as the first ' +
        'update, it is a stored change.',
    }),
    post: api.operation(tag, 'updateEvaluationByPost', {
      ...update,
      summary: 'Update run evaluation, for senders that can only POST',
      description:
        'Does the same as the update by PUT. Give the sender a token restricted to the evaluation. In a payload, ' +
        'a field of an evaluation counts as that field (an `id` that differs gets 422); unknown ' +
        'properties are ignored.',
    }),
    delete: api.operation(tag, 'deleteEvaluation', {
      summary: 'Delete an evaluation',
      description:
        'Deletes the history too. A repeated deletion gets 404; with the same `Idempotency-Key` it ' +
        'gets 204, for at least seven days. ' +
        'A request that began before the deletion and arrives after it changes nothing.',
      parameters: [api.parameters.IfMatch, api.parameters.IdempotencyKey],
      responses: {
        204: api.emptyResponse('The evaluation and its history are deleted.'),
        400: refusals.BadRequest.withDescription(`${BAD_IDS}; ${api.MALFORMED.delete}.`),
        404: refusals.NotFound,
        412: refusals.PreconditionFailed,
      },
    }),
  },
  '/v1/run/{run_id}/evaluation/{evaluation_id}/history': {
    parameters: [parameters.RunId, parameters.EvaluationId],
    get: api.operation(tag, 'listReplacedValues', {
      summary: 'List the replaced values of an evaluation',
      description:
        'Lists what each stored change replaced, newest first; empty if nothing was replaced. ' +
        'Entries never change.',
      parameters: [api.parameters.Limit, parameters.HistoryCursor],
      responses: {
        200: api.pageResponse(
          'replaced values',
          schemas.ReplacedValue,
          PAGE_MAX_ROWS,
          REPLACED_EXAMPLE,
        ),
        400: refusals.BadRequest.withDescription(
          `${BAD_IDS}; ${api.MALFORMED.page(PAGE_MAX_ROWS)}.`,
        ),
        404: refusals.NotFound,
      },
    }),
  },
};
