/**
 * Defines what all operations of the OpenAPI document share. `npm run openapi` writes the document
 * before the build, so the Worker contains none of these files.
 */
import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { databaseUnavailable, INTERNAL_ERROR, preconditionFailed } from './failure.ts';
import { BODY_MAX_BYTES, PAGE_MAX_ROWS, UUID } from './limits.ts';

export type Keywords = { readonly [keyword: string]: unknown };
type Words = string | Keywords;
type Section = 'headers' | 'parameters' | 'responses' | 'schemas';

/** A part of the document that several operations use. Each use becomes a `$ref`. */
export class Component<S extends Section = Section> {
  name: string | undefined;
  description: string | undefined;
  readonly section: S;
  readonly definition: object;

  constructor(section: S, definition: object) {
    this.section = section;
    this.definition = definition;
  }

  withDescription(description: string): Component<S> {
    const { name } = this;
    return Object.assign(new Component(this.section, this.definition), { name, description });
  }
}

export const mapValues = <T, R>(
  object: { readonly [key: string]: T },
  map: (value: T, key: string) => R,
): { readonly [key: string]: R } =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));

/** Gives each component a name: its key in `components`. */
export function nameComponents<T extends { readonly [name: string]: Component }>(components: T): T {
  for (const [name, component] of Object.entries(components)) component.name = name;
  return components;
}

export const text = (description: string, maxLength?: number) => ({
  type: 'string',
  description,
  maxLength,
});

/**
 * Some validators do not check `format`, so the schema has a pattern too. A pattern in JSON Schema
 * is always case-sensitive.
 */
const UUID_SCHEMA = {
  type: 'string',
  format: 'uuid',
  pattern: UUID.source.replaceAll('a-f', 'a-fA-F'),
} as const;
export const uuid = (description: string) => ({ ...UUID_SCHEMA, description });
export const time = (description: string) => ({ type: 'string', format: 'date-time', description });

/** The bounds exclude numbers such as 1e400, which JSON.parse turns into Infinity. */
const DOUBLE = {
  type: 'number',
  minimum: -Number.MAX_VALUE,
  maximum: Number.MAX_VALUE,
} as const;
export const number = (description: string) => ({ ...DOUBLE, description });

const orNull = (schema: Keywords) => ({ ...schema, type: [schema['type'], 'null'] });
export const textOrNull = (...args: Parameters<typeof text>) => orNull(text(...args));
export const uuidOrNull = (description: string) => orNull(uuid(description));
export const timeOrNull = (description: string) => orNull(time(description));
export const numberOrNull = (description: string) => orNull(number(description));

type Schema = Keywords | Component<'schemas'>;
type PropertiesOf<T> = { readonly [property in keyof T]-?: Schema };

/** Describes an object in a response. Only the properties in `optional` may be absent. */
export const objectSchema = <T extends object>(
  properties: PropertiesOf<T>,
  optional: readonly (keyof T)[] = [],
  rule: Keywords = {},
) =>
  new Component('schemas', {
    type: 'object',
    required: Object.keys(properties).filter((name) => !optional.some((other) => other === name)),
    additionalProperties: false,
    properties,
    ...rule,
  });
/**
 * Describes a resource in a response. Only `updated_at` may be absent: the first update adds it.
 */
export const resourceSchema = <T extends { readonly updated_at?: string }>(
  properties: PropertiesOf<T>,
  rule?: Keywords,
) => objectSchema<T>(properties, ['updated_at'], rule);

/**
 * Describes some properties of an object, for `if` and `then`. Without `unevaluatedProperties`,
 * redocly would refuse other properties.
 */
export const someProperties = (properties: Keywords) => ({
  properties,
  unevaluatedProperties: true,
});

/** JSON Schema cannot express `check` and `to_lower_case`. */
const FROM_VALIDATOR: ConversionConfig = {
  typeMode: 'input',
  target: 'draft-2020-12',
  ignoreActions: ['check', 'to_lower_case'],
  overrideSchema({ jsonSchema: { anyOf: [wrapped, other] = [], ...more } }) {
    if (typeof wrapped !== 'object' || typeof other !== 'object' || other.type !== 'null') return;
    if (typeof wrapped.type !== 'string') return;
    return { ...wrapped, ...more, type: [wrapped.type, other.type] };
  },
  overrideAction({ valibotAction, jsonSchema }) {
    if (valibotAction.type === 'finite') return { ...jsonSchema, ...DOUBLE };
    const isUuid = 'requirement' in valibotAction && valibotAction.requirement === UUID;
    return isUuid ? UUID_SCHEMA : undefined;
  },
};

export const IMMUTABLE_FIELD = 'Cannot be changed: leave it out, or send it as it is stored.';
export const SERVER_FIELD = 'Set by the server: leave it out, or send the same value.';
const SENT_BACK = textOrNull('Ignored.');
/**
 * Properties that a caller may send and the Worker ignores. A generated client needs their types.
 */
export const IGNORED = { updated_by: SENT_BACK, updated_at: SENT_BACK };

/**
 * The schema of a field that the Worker always refuses. A generated client gets the type `never`.
 */
export const NEVER = false as const;

type ServerFields<Fields extends object> = {
  readonly fields: Fields;
  readonly sentence: string;
  /**
   * Allows only values that the server may store. The Worker's validator allows more values, which
   * the operation refuses later.
   */
  readonly schemas: { readonly [field in keyof Fields]: Keywords | typeof NEVER };
};

/**
 * Describes a request body by the validator that parses the body, and by texts.
 * @param words a description or keywords for each property that the caller may choose
 * @throws {Error} if `words` lacks a property of the validator that the caller may choose.
 */
export function requestSchema<T extends v.GenericSchema<object>, Fields extends object>(
  validator: T,
  { fields, sentence, schemas }: ServerFields<Fields>,
  words: { readonly [property in Exclude<keyof v.InferInput<T>, keyof Fields>]-?: Words },
  rule: Keywords = {},
) {
  const { required = [], properties = {} } = toJsonSchema(validator, FROM_VALIDATOR);
  const wordsByName = new Map(Object.entries<Words>(words));
  const schemasByName = new Map(Object.entries<Keywords | typeof NEVER>(schemas));
  const described = mapValues(properties, (derived, property) => {
    if (property in fields) {
      const schema = schemasByName.get(property) ?? NEVER;
      return schema === NEVER ? NEVER : { ...schema, description: sentence };
    }
    const own = wordsByName.get(property);
    if (own === undefined || typeof derived === 'boolean') throw new Error(`describe ${property}`);
    // Some generated clients require a property with a default, so the schema leaves out null and
    // {}.
    const initial = typeof derived.default === 'object' ? undefined : derived.default;
    const more = typeof own === 'string' ? { description: own } : own;
    return { ...derived, ...more, type: derived.type, default: initial };
  });
  return new Component('schemas', {
    type: 'object',
    required: required.length === 0 ? undefined : required,
    properties: { ...words, ...described },
    ...rule,
  });
}

export const header = (description: string | undefined, schema?: Keywords) =>
  new Component('headers', { required: true, description, schema: { type: 'string', ...schema } });
/** Defines a response header that may be absent. */
export const optionalHeader = (description: string, schema?: Keywords) =>
  new Component('headers', { description, schema: { type: 'string', ...schema } });

export const ETAG_PATTERN = '^"[^"]+"$';
export const headers = nameComponents({
  RequestId: header('Quote it in a report.', { pattern: '^[\\w.:-]{1,128}$' }),
  NoStore: header(undefined, { const: 'no-store' }),
  ContentTypeOptions: header(undefined, { const: 'nosniff' }),
  ETag: header('Strong; changes with every stored change and with nothing else.', {
    pattern: ETAG_PATTERN,
  }),
  NoTransform: header('A transformation would weaken the entity tag.', {
    const: 'no-store, no-transform',
  }),
  RetryAfter: header('Seconds to wait before sending the same request again.', {
    pattern: '^[1-9][0-9]*$',
  }),
  Challenge: header(
    'RFC 6750 §3. `Bearer` alone if no token was sent; otherwise with `error` and ' +
      '`error_description`.',
    { pattern: '^Bearer' },
  ),
  Allow: header('The methods that the path has.'),
  Bookmark: optionalHeader(
    'The state of D1 that the response is from; absent if D1 did not answer.',
  ),
  Link: optionalHeader('The next page (RFC 8288); absent on the last one.', {
    pattern: '^</v1/.+>; rel="next"$',
  }),
});

type Header = Component<'headers'>;
export type Headers = { readonly [name: string]: Header };

export const TAGGED: Headers = { 'cache-control': headers.NoTransform, etag: headers.ETag };
/** If D1 answered a query before the Worker refused a request, the refusal has this header. */
export const BOOKMARK: Headers = { 'x-d1-bookmark': headers.Bookmark };
export const RETRY: Headers = { 'retry-after': headers.RetryAfter };

/** Describes a response. A header in `more` replaces the common header with the same name. */
export const response = (description: string, content?: object, more: Headers = {}) => ({
  description,
  headers: {
    'x-request-id': headers.RequestId,
    'cache-control': headers.NoStore,
    'x-content-type-options': headers.ContentTypeOptions,
    ...more,
  },
  content,
});

/** Describes a response without a body. */
export const emptyResponse = (description: string, more: Headers = {}) =>
  response(description, undefined, { 'x-d1-bookmark': headers.Bookmark, ...more });

/** Describes a response with JSON. */
export const jsonResponse = (
  description: string,
  schema: Schema,
  example: unknown,
  more?: Headers,
) => ({
  ...emptyResponse(description, more),
  content: { 'application/json': { schema, example } },
});

/** Describes a response with a page of a list. */
export const pageResponse = (noun: string, items: Schema, maxItems: number, example: object) => {
  const description = `A page of ${noun}; \`Link\` has the next one.`;
  const schema = { type: 'array', maxItems, items };
  return jsonResponse(description, schema, [example], { link: headers.Link });
};

/** Describes 201 for a request that created a resource, and 200 for a repeated request. */
export const createdResponses = (
  noun: string,
  schema: Schema,
  example: object,
  location: Header,
) => {
  const stored = (description: string) =>
    jsonResponse(description, schema, example, { ...TAGGED, location });
  return {
    200: stored(`This \`id\` and content were created before: the ${noun} as it is stored now.`),
    201: stored(`Created: the ${noun} as stored.`),
  };
};

export const NOT_MODIFIED = emptyResponse(
  '`If-None-Match` names the current version, or is `*`: the caller has it already.',
  TAGGED,
);

const schemas = nameComponents({
  Error: objectSchema<{ error: string }>({
    error: text('A sentence that tells the caller what to change.'),
  }),
});

type Sentences = { readonly [example: string]: string };
/** Describes a response that refuses the request. Each entry of `sentences` becomes an example. */
export const refusalResponse = (description: string, sentences: Sentences, more: Headers = {}) => {
  const examples = mapValues(sentences, (error) => ({ value: { error } }));
  return response(description, { 'application/json': { schema: schemas.Error, examples } }, more);
};
/** Describes a refusal that several operations may send. */
export const refusal = (...args: Parameters<typeof refusalResponse>) =>
  new Component('responses', refusalResponse(...args));

/** Describes the refusal 412: `If-Match` does not list the stored version. */
export const staleRefusal = (noun: string, resource = noun) =>
  refusal(
    `\`If-Match\` does not name the current version, whose tag is in \`ETag\`: get the ${noun} ` +
      'again, decide again, and send that tag.',
    { stale: preconditionFailed(resource, '').message },
    { ...BOOKMARK, ...TAGGED },
  );

/** Formats a whole number with commas: 65,536. */
export const formatCount = (whole: number) => whole.toLocaleString('en');

export const SENTENCES = {
  json: 'The body must be valid JSON in UTF-8.',
  form: 'The body is a form: send JSON instead, with the header Content-Type: application/json.',
  place: 'The body must be valid JSON: NaN at line 1, column 22 must be a number or null.',
  compressed: 'Send the body uncompressed, without the header Content-Encoding.',
  tooMany: 'Too many requests from this caller: send the same request again later.',
  fault: INTERNAL_ERROR,
  database: databaseUnavailable(1, '').message,
};

export const SERVER_FAULT =
  'A fault of the service: a wrong setting, an unexpected error. Report the `x-request-id`.';
export const refusals = nameComponents({
  Unauthorized: refusal(
    'There is no bearer token in `Authorization`, or the token does not verify: it is malformed, ' +
      'expired, not valid yet, signed with an unknown key, or otherwise not as BearerAuth ' +
      'requires. Get a fresh token.',
    { none: 'Send the header Authorization: Bearer <JWT>.', expired: 'The token has expired.' },
    { 'www-authenticate': headers.Challenge },
  ),
  Forbidden: refusal(
    'The token lacks the scope that the deployment requires, in `scope`, `scp`, `permissions` ' +
      'or `roles`. Get a token that has it.',
    { scope: 'The token lacks the scope evaluations:write.' },
    { 'www-authenticate': headers.Challenge },
  ),
  MethodNotAllowed: refusal(
    'The path does not have this method: use a method from `Allow`.',
    { public: 'This path does not have that method; it has GET, HEAD.' },
    { allow: headers.Allow },
  ),
  ContentTooLarge: refusal(
    `The body is larger than ${formatCount(BODY_MAX_BYTES)} bytes: send less.`,
    {
      size: `The body must be at most ${BODY_MAX_BYTES} bytes.`,
    },
  ),
  UnsupportedMediaType: refusal(
    '`Content-Type` is not JSON (`application/json` or any `+json`; absent means JSON), or the ' +
      'body is compressed. Send plain JSON.',
    {
      type:
        'Send the body as JSON with the header Content-Type: application/json, which fetch and ' +
        'axios do not set for a string.',
      form: SENTENCES.form,
      encoding: SENTENCES.compressed,
    },
  ),
  TooManyRequests: refusal(
    'This caller has sent more requests to one Cloudflare location than it may: 2,000 in 10 ' +
      'seconds, unless configured otherwise. Repeat after `Retry-After` seconds.',
    { limit: SENTENCES.tooMany },
    RETRY,
  ),
  ServerFault: refusal(SERVER_FAULT, { fault: SENTENCES.fault }, BOOKMARK),
  Unavailable: refusal(
    "The database is overloaded or does not answer, or the issuer's keys cannot be fetched. " +
      'Send the same request again after `Retry-After` seconds.',
    {
      database: SENTENCES.database,
      keys:
        "The token cannot be verified now, because its issuer's keys cannot be fetched: try " +
        'again later.',
    },
    { ...RETRY, ...BOOKMARK },
  ),
});

export const parameter = (definition: Keywords) => new Component('parameters', definition);

const headerParameter = (
  name: string,
  description: string,
  { example, ...schema }: { readonly pattern?: string; readonly example?: string } = {},
) => parameter({ name, in: 'header', description, schema: { type: 'string', ...schema }, example });

export const queryParameter = (name: string, description: string, more: Keywords) =>
  parameter({ name, in: 'query', description, ...more });

/** Defines an id in the path. */
export const idParameter = (name: string, noun: string, example: string) =>
  parameter({
    name,
    in: 'path',
    required: true,
    description: `The ID of the ${noun}`,
    schema: UUID_SCHEMA,
    example,
  });
/** Defines an id in the query. */
export const idQueryParameter = (name: string, description: string, example: string) =>
  queryParameter(name, description, { schema: UUID_SCHEMA, example });

/** Defines the parameter `limit` of a list. */
export const limitParameter = (noun: string, maximum: number, example: number) => {
  const schema = { type: 'integer', minimum: 1, maximum, default: maximum };
  return queryParameter('limit', `How many ${noun} a page may have.`, { schema, example });
};

const CURSOR_PATTERN = '^\\w+$';
/**
 * Defines the parameter `cursor` of a list. This function encodes `example`, such as a time and an
 * id.
 */
export const cursorParameter = (example: string) =>
  queryParameter('cursor', 'Where the page starts, as it came in a `Link` header.', {
    schema: { type: 'string', pattern: CURSOR_PATTERN },
    example: btoa(example).replaceAll('=', ''),
  });

const TAG_ELEMENT = String.raw`[ \t]*(?:(?:W/)?"[^\x00-\x20"\x7f]*"[ \t]*)?`;
/** test/request-schema.test.ts compares the pattern with http/preconditions.ts. */
const IF_MATCH = {
  pattern: String.raw`^(?:[ \t]*\*[ \t]*|${TAG_ELEMENT}(?:,${TAG_ELEMENT})*)$`,
  example: '*',
};
const KEY = {
  pattern: '^(?:"[!#-~]{1,255}"|[!#-~]{1,255})$',
  example: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
};

export const parameters = nameComponents({
  IfMatch: headerParameter(
    'if-match',
    'Entity tags as they came in `ETag`: the write happens only if one of them is current; ' +
      'otherwise the response is 412, even if the stored value is the same. Weak tags never match; `*` matches ' +
      'every version. Without this header the last write wins.',
    IF_MATCH,
  ),
  IfMatchToRead: headerParameter(
    'if-match',
    'Entity tags as they came in `ETag`: the response is 412 unless one of them is current. Weak ' +
      'tags never match; `*` matches every version.',
    IF_MATCH,
  ),
  IfNoneMatch: headerParameter(
    'if-none-match',
    'Entity tags that the caller has already, or `*`. Weak tags match too. A malformed list is ' +
      'ignored.',
  ),
  IdempotencyKey: headerParameter(
    'idempotency-key',
    "The caller's name for the write, 1 to 255 visible ASCII characters, in quotes or not. A " +
      'retry by the same `sub`, or through the same link, stores nothing and gets what the first ' +
      'attempt stored. A label recognises only the key of its last update. A retried create gets ' +
      'the resource as it is now. If the body has an `id`, the `id` counts instead of the key. ' +
      '`webhook-id` (Standard Webhooks) and `svix-id` count as this header.',
    KEY,
  ),
  Limit: limitParameter('entries', PAGE_MAX_ROWS, 100),
  Cursor: cursorParameter('2026-11-01T09:00:00.000Z 018f4d3d-0001-7000-8000-000000000001'),
  RequestId: headerParameter(
    'x-request-id',
    'Returned and logged if up to 128 letters, digits, `.`, `_`, `:` or `-`; otherwise replaced.',
  ),
  Bookmark: headerParameter(
    'x-d1-bookmark',
    'From an earlier response: a read then sees at least that state. Writes ignore it, and every ' +
      'request ignores a malformed one.',
  ),
});

const BAD_KEY = '`Idempotency-Key` is not 1 to 255 visible ASCII characters';
const BAD_BODY =
  `${BAD_KEY}. The body is incomplete or only ` +
  'a part (`Content-Range`), is not JSON in UTF-8, or is not an object';
const BAD_IF_MATCH =
  '`If-Match` is neither `*` nor a list of entity tags in double quotes, or names over 100 versions';
export const NO_PRECONDITION =
  'the request has a precondition such as `If-Match`, which this operation does not take';
/** The reasons for 400 that every resource has, by the kind of the operation. */
export const MALFORMED = {
  create: `${NO_PRECONDITION}; ${BAD_BODY}`,
  update: `${BAD_IF_MATCH}; a precondition other than \`If-Match\` is sent; ${BAD_BODY}`,
  delete: `${BAD_IF_MATCH}; a precondition other than \`If-Match\` is sent; ${BAD_KEY}`,
  read: `${BAD_IF_MATCH}; \`If-Modified-Since\` or \`If-Unmodified-Since\` is sent`,
  page: (maxRows: number) =>
    `${NO_PRECONDITION}; \`limit\` is not a whole number from 1 to ${maxRows}; \`cursor\` is not one that came in ` +
    'a `Link` header',
};

/** Defines an example of a request body. The document shows `summary` as its title. */
export const example = (summary: string, value: unknown) => ({ summary, value });

export const body = (schema: Schema, examples: object) => ({
  required: true,
  description: `At most ${formatCount(BODY_MAX_BYTES)} bytes.`,
  content: { 'application/json': { schema, examples } },
});

type Operation = {
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly Component<'parameters'>[];
  readonly requestBody?: object;
  /** The responses of this operation only. `operation` adds the shared refusals. */
  readonly responses: {
    readonly [status: number]: ReturnType<typeof response> | Component<'responses'>;
  };
};
type Tag = { readonly name: string };

/** Describes an operation that needs no token. */
export const publicOperation = (tag: Tag, operationId: string, described: Operation) => ({
  ...described,
  operationId,
  tags: [tag.name],
  security: [],
  parameters: [...(described.parameters ?? []), parameters.RequestId],
});

/** Describes an operation that needs a token. */
export const operation = (tag: Tag, operationId: string, described: Operation) => ({
  ...described,
  operationId,
  tags: [tag.name],
  parameters: [...(described.parameters ?? []), parameters.RequestId, parameters.Bookmark],
  responses: {
    401: refusals.Unauthorized,
    403: refusals.Forbidden,
    ...(described.requestBody && {
      413: refusals.ContentTooLarge,
      415: refusals.UnsupportedMediaType,
    }),
    429: refusals.TooManyRequests,
    500: refusals.ServerFault,
    503: refusals.Unavailable,
    ...described.responses,
  },
});
