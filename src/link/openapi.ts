/** Describes the operations on links for the OpenAPI document. */
import * as evaluation from '../evaluation/openapi.ts';
import { preconditionFailed } from '../failure.ts';
import {
  ANSWER_MAX_CHARS,
  AUTHOR_MAX_CHARS,
  LINK_BODY_MAX_BYTES,
  LINK_URL_MAX_CHARS,
  PATH_MAX_CHARS,
  POINTER_MAX_CHARS,
  WHERE_MAX_COUNT,
} from '../limits.ts';
import * as api from '../openapi.ts';
import {
  DELIVERY_POINTER,
  EXPIRES_IN,
  LinkCreateBody,
  NAME,
  ONE_PLACE,
  POINTER,
  SERVER_FIELDS,
  VALUES,
  WHERE,
} from './input.ts';
import { type EvaluationLink, linkIsIncomplete, linkNotFound } from './key.ts';
import { NOT_A_PATH } from './path.ts';

export const tag = {
  name: 'links',
  description:
    "A link is a URL that lets everybody who has it give one evaluation a value, in one author's " +
    'name. A machine posts its usual payload to the link; a person opens the link and answers on ' +
    'a page. If the deployment has no links, these operations answer 404 and name the missing ' +
    'setting. In a browser the failures of `/v1/link` are pages, with the same status.',
};

const EXAMPLE: EvaluationLink = {
  id: '01a2340d-0c00-8d3c-9b52-3f6e0d9a1c01',
  url: `https://evaluations.example/v1/link?key=AaI0DQwAjTybUj9uDZocAQ.${'A'.repeat(43)}`,
  expires_at: '2026-12-02T00:00:00.000Z',
  run_id: '018f4d3c-0001-7000-8000-000000000001',
  evaluation_id: '018f4d3d-0001-7000-8000-000000000001',
  author: 'user-123/anna',
  pointer: '/review/state',
  values: { approved: 1, changes_requested: 0 },
  where: { '/pull_request/id': 279147437, '/review/state': ['approved', 'changes_requested'] },
};
const { pointer, values, where } = EXAMPLE;
const ANSWERED_EXAMPLE = { ...evaluation.UPDATED_EXAMPLE, updated_by: EXAMPLE.author };

const parameters = api.nameComponents({
  LinkId: api.idParameter('link_id', 'link', EXAMPLE.id),
  LinkKey: api.queryParameter('key', "As it came in the link's `url`.", {
    required: true,
    schema: { type: 'string', pattern: '^[\\w-]+\\.[\\w-]{43}$' },
    example: new URL(EXAMPLE.url).searchParams.get('key'),
  }),
});

const headers = api.nameComponents({
  PagePolicy: api.optionalHeader(
    'Only on a page: the page loads and runs nothing, and its form posts here.',
    {
      pattern: "^default-src 'none'; img-src data:; style-src 'sha256-",
    },
  ),
  PageReferrer: api.optionalHeader('Only on a page.', { const: 'no-referrer' }),
  PageRobots: api.optionalHeader('Only on a page.', { const: 'noindex, nofollow' }),
  PageFrame: api.optionalHeader('Only on a page.', { const: 'DENY' }),
  NoStoreOrTransform: api.header(
    '`no-transform` with an entity tag, which a transformation would weaken.',
    { pattern: '^no-store(, no-transform)?$' },
  ),
  ETagOfJson: api.optionalHeader('The same as `ETag`; absent on a page.', {
    pattern: api.ETAG_PATTERN,
  }),
});

const TAGGED_IF_JSON: api.Headers = {
  'cache-control': headers.NoStoreOrTransform,
  etag: headers.ETagOfJson,
};

const shown = {
  run_id: api.uuid('ID of the run'),
  evaluation_id: api.uuid('ID of the evaluation'),
  author: api.text(
    'The author of the values: the `sub` of the creator of the link, or `<sub>/<name>`',
    AUTHOR_MAX_CHARS,
  ),
};
const set = {
  fields: SERVER_FIELDS,
  sentence: api.SERVER_FIELD,
  schemas: { ...shown, id: api.NEVER, url: api.NEVER, expires_at: api.NEVER },
};

const PATH =
  'JSONPath (RFC 9535) to the value in the posted body, instead of a pointer; it must find ' +
  'exactly one value';
const DELIVERY =
  'JSON Pointer (RFC 6901) to the text or whole number that names the delivery in the body; with ' +
  'it, no header names the delivery';
const POINTER_PATTERN = '^(/([^~]|~[01])*)?$';
/** Accepts `pointer` and `path` together only if at least one of them is null. */
const ONE_PLACE_RULE = {
  not: {
    required: ['pointer', 'path'],
    ...api.someProperties({ pointer: { type: 'string' }, path: { type: 'string' } }),
  },
};
const SCALAR = { type: ['string', 'number', 'boolean', 'null'] };

const schemas = api.nameComponents({
  EvaluationLink: api.objectSchema<EvaluationLink>(
    {
      id: api.uuid('By which it is revoked'),
      url: {
        ...api.text(
          'The URL to which a machine posts, and which a person opens. A chosen `pointer` and `values` ' +
            'may make it longer than the 255 characters that many senders store',
          LINK_URL_MAX_CHARS,
        ),
        format: 'uri',
      },
      expires_at: api.time('When the link stops working'),
      ...shown,
      pointer: api.text('Where the value is in the body of who posts (RFC 6901)'),
      path: api.text(PATH, PATH_MAX_CHARS),
      values: {
        type: 'object',
        additionalProperties: { type: 'number' },
        description: 'Maps the scalar that is found to the value',
      },
      where: {
        type: 'object',
        additionalProperties: {
          anyOf: [SCALAR, { type: 'array', items: SCALAR, maxItems: WHERE_MAX_COUNT }],
        },
        description: 'The conditions on a body; absent if the link has none',
      },
      delivery: api.text(DELIVERY, POINTER_MAX_CHARS),
    },
    ['pointer', 'path', 'where', 'delivery'],
  ),
  EvaluationLinkCreate: api.requestSchema(
    LinkCreateBody,
    set,
    {
      expires_in: 'For how many seconds it works',
      name: 'Who will answer: the author is then `<sub>/<name>`',
      pointer: {
        ...api.text('JSON Pointer (RFC 6901) to the value in the posted body', POINTER_MAX_CHARS),
        pattern: POINTER_PATTERN,
      },
      path: api.text(PATH, PATH_MAX_CHARS),
      values: {
        description:
          'Maps what may be found, a text or the JSON text of a number or boolean, to the value',
        propertyNames: { not: { enum: ['__proto__', 'constructor', 'prototype'] } },
      },
      where: {
        description:
          'Conditions on a body: each JSON Pointer must find the scalar, or a scalar of the list, ' +
          'equal in type and value. Any other body is ignored, with a 204',
        propertyNames: { maxLength: POINTER_MAX_CHARS, pattern: POINTER_PATTERN },
      },
      delivery: { ...api.text(DELIVERY, POINTER_MAX_CHARS), pattern: POINTER_PATTERN },
    },
    ONE_PLACE_RULE,
  ),
  LinkAnswer: new api.Component('schemas', {
    type: 'object',
    required: ['version', 'value'],
    properties: {
      version: api.text('Which the page showed', ANSWER_MAX_CHARS),
      value: {
        ...api.text('A number as text', ANSWER_MAX_CHARS),
        pattern: '^-?(\\d+|\\d*\\.\\d+)([eE][+-]?\\d+)?$',
      },
    },
  }),
  LinkForm: new api.Component('schemas', {
    type: 'object',
    additionalProperties: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
    },
  }),
  Page: new api.Component('schemas', { type: 'string', description: 'HTML.' }),
});

/** A browser gets a page instead of JSON. */
const withPage = (json: ReturnType<typeof api.response>) => ({
  ...json,
  headers: {
    ...json.headers,
    'content-security-policy': headers.PagePolicy,
    'referrer-policy': headers.PageReferrer,
    'x-robots-tag': headers.PageRobots,
    'x-frame-options': headers.PageFrame,
  },
  content: { ...json.content, 'text/html': { schema: schemas.Page } },
});

const linkRefusal = (...args: Parameters<typeof api.refusalResponse>) =>
  new api.Component('responses', withPage(api.refusalResponse(...args)));

const refusals = api.nameComponents({
  LinkBadRequest: linkRefusal(
    'The key is incomplete, because its end was cut off; or an id in the path, a header or the ' +
      'body is malformed; or the answer on the page is not a number.',
    {
      expires: EXPIRES_IN,
      name: NAME,
      pointer: POINTER,
      place_of_value: ONE_PLACE,
      delivery: DELIVERY_POINTER,
      values: VALUES,
      where: WHERE,
      json: api.SENTENCES.json,
      form: api.SENTENCES.form,
      place: api.SENTENCES.place,
      incomplete: linkIsIncomplete().message,
    },
    api.BOOKMARK,
  ),
  LinkNotFound: linkRefusal(
    'The link has expired or was revoked, the key was altered or is not the key of a link, or the ' +
      'evaluation is gone: always the same response.',
    { link: linkNotFound('').message },
  ),
  LinkPreconditionFailed: linkRefusal(
    'The stored version is not the version in `If-Match`, or the version that the page showed.',
    { stale: preconditionFailed('evaluation', '').message },
    { 'x-d1-bookmark': api.headers.Bookmark, ...TAGGED_IF_JSON },
  ),
  LinkContentTooLarge: linkRefusal(
    `The body is larger than ${api.formatCount(LINK_BODY_MAX_BYTES)} bytes: send less.`,
    { size: `The body must be at most ${LINK_BODY_MAX_BYTES} bytes.` },
  ),
  LinkUnsupportedMediaType: linkRefusal('The body is compressed, but not as gzip.', {
    encoding: 'Send the body uncompressed or as gzip, without any other Content-Encoding.',
  }),
  LinkUnprocessable: linkRefusal(
    'The pointer or path finds no value, or the label does not allow the value: the sentence tells ' +
      `what is accepted. Or an answer on the page is longer than ${ANSWER_MAX_CHARS} characters, or the ` +
      '`Idempotency-Key` was sent before with another value.',
    {
      nothing: 'What /value finds in the body is nothing: it must be a number, true or false.',
      text:
        'What /value finds in the body is the text "maybe": it must be a number, true or false, ' +
        'or "yes", or "no".',
      name:
        'What /id finds in the body is nothing: it must be the text or whole number that names ' +
        'the delivery.',
      several: 'What $.* finds in the body is 2 values: it must be exactly one.',
      label: 'value must be between 1 and 10.',
      path: NOT_A_PATH,
      field: 'author is set by the server: leave it out.',
    },
    api.BOOKMARK,
  ),
  LinkTooManyRequests: linkRefusal(
    'Too many requests through this link: retry after `Retry-After` seconds.',
    { limit: api.SENTENCES.tooMany },
    api.RETRY,
  ),
  LinkServerFault: linkRefusal(api.SERVER_FAULT, { fault: api.SENTENCES.fault }, api.BOOKMARK),
  LinkUnavailable: linkRefusal(
    'The database is overloaded or does not answer. Send the same request again after ' +
      '`Retry-After` seconds.',
    { database: api.SENTENCES.database },
    { ...api.RETRY, ...api.BOOKMARK },
  ),
});

const ids = [evaluation.parameters.RunId, evaluation.parameters.EvaluationId];

const evaluationResponse = (description: string) =>
  withPage(
    api.jsonResponse(
      description,
      evaluation.schemas.RunEvaluation,
      ANSWERED_EXAMPLE,
      TAGGED_IF_JSON,
    ),
  );

export const paths = {
  '/v1/run/{run_id}/evaluation/{evaluation_id}/links': {
    parameters: ids,
    post: api.operation(tag, 'createEvaluationLink', {
      summary: 'Make a link to an evaluation',
      description: 'Every request makes another link. The database stores no links.',
      requestBody: {
        ...api.body(schemas.EvaluationLinkCreate, {
          sender: api.example('For a webhook of a code review', {
            pointer,
            values,
            where,
            name: 'anna',
          }),
          person: api.example('For a person, for a day', { name: 'anna', expires_in: 86400 }),
        }),
        required: false,
      },
      responses: {
        201: api.jsonResponse(
          'The link. Its URL is a secret: everybody who has the URL can answer.',
          schemas.EvaluationLink,
          EXAMPLE,
        ),
        400: refusals.LinkBadRequest.withDescription(
          `An id in the path is not a UUID; ${api.NO_PRECONDITION}; or the body or one of its ` +
            'properties is malformed.',
        ),
        404: evaluation.refusals.NotFound,
        422: refusals.LinkUnprocessable.withDescription(
          `The URL would be longer than ${api.formatCount(LINK_URL_MAX_CHARS)} characters, the \`path\` ` +
            'is not a JSONPath or could be costly, or the body has a field that the server sets.',
        ),
      },
    }),
  },
  '/v1/run/{run_id}/evaluation/{evaluation_id}/links/{link_id}': {
    parameters: [...ids, parameters.LinkId],
    delete: api.operation(tag, 'revokeEvaluationLink', {
      summary: 'Revoke a link',
      description:
        'Takes effect immediately and everywhere. Safe to repeat. The database stores no links, so ' +
        'revoking an id that was never issued also succeeds.',
      responses: {
        204: api.emptyResponse('The link does not work any more.'),
        400: refusals.LinkBadRequest.withDescription(
          `An id in the path is not a UUID; ${api.NO_PRECONDITION}.`,
        ),
        404: evaluation.refusals.NotFound,
      },
    }),
  },
  '/v1/link': {
    parameters: [parameters.LinkKey],
    get: api.publicOperation(tag, 'getEvaluationByLink', {
      summary: 'Open a link',
      description:
        'Returns a page for a person: the question, the stored value, and a form for the answer. A ' +
        'caller that accepts only JSON gets the evaluation, and may send preconditions. Never ' +
        'writes.',
      parameters: [api.parameters.IfMatchToRead, api.parameters.IfNoneMatch],
      responses: {
        200: evaluationResponse('The page, or the evaluation.'),
        304: api.NOT_MODIFIED,
        400: refusals.LinkBadRequest.withDescription(
          `The key is incomplete; ${api.MALFORMED.read}; or the request for the page has a precondition.`,
        ),
        412: refusals.LinkPreconditionFailed,
        404: refusals.LinkNotFound,
        429: refusals.LinkTooManyRequests,
        500: refusals.LinkServerFault,
        503: refusals.LinkUnavailable,
      },
    }),
    post: api.publicOperation(tag, 'updateEvaluationByLink', {
      summary: 'Update run evaluation, by a link',
      description:
        "For senders of webhooks and callbacks. The body may be any JSON. The link's `pointer` or " +
        '`path` finds a scalar in it, and the `values` of the link map the scalar to the value. ' +
        'Without an entry in `values`, a number counts as it is, also as text, and true and false ' +
        "count as 1 and 0. The update is made in the name of the link's author. The form of the " +
        'page posts here too. The name of a delivery comes from the `delivery` of the link, from ' +
        "`Idempotency-Key`, or from the sender's own header, such as `webhook-id` or " +
        '`x-github-delivery`.',
      parameters: [api.parameters.IfMatch, api.parameters.IdempotencyKey],
      requestBody: {
        required: true,
        description:
          `At most ${api.formatCount(LINK_BODY_MAX_BYTES)} bytes, with or without gzip. ` +
          'Either JSON, with any `Content-Type`, or a form with the `Content-Type` of a form. A ' +
          'form whose only field is `payload` counts as the JSON in it. Any other form counts as ' +
          'an object of texts.',
        content: {
          'application/json': {
            schema: {},
            examples: {
              sender: api.example('What a code review sends, for the link above', {
                action: 'submitted',
                review: { id: 17, state: 'approved' },
                pull_request: { id: 279147437 },
              }),
            },
          },
          'application/x-www-form-urlencoded': {
            schema: { anyOf: [schemas.LinkAnswer, schemas.LinkForm] },
          },
        },
      },
      responses: {
        204: api.response('The body does not fit the `where` of the link. Nothing is stored.'),
        200: evaluationResponse(
          "The evaluation as this write stored it; after the page's form, the page.",
        ),
        400: refusals.LinkBadRequest,
        404: refusals.LinkNotFound,
        412: refusals.LinkPreconditionFailed,
        413: refusals.LinkContentTooLarge,
        415: refusals.LinkUnsupportedMediaType,
        422: refusals.LinkUnprocessable,
        429: refusals.LinkTooManyRequests,
        500: refusals.LinkServerFault,
        503: refusals.LinkUnavailable,
      },
    }),
  },
};
