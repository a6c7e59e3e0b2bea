/**
 * Defines the schemas, headers, refusals and parameters that all operations of the OpenAPI document
 * share. Each resource describes its operations in its own `openapi.ts`. `npm run openapi` writes
 * the document before the build, so the Worker contains none of these files.
 */
import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { databaseUnavailable, INTERNAL_ERROR, preconditionFailed } from './failure.ts';
import { BODY_MAX_BYTES, PAGE_MAX_ROWS, UUID } from './limits.ts';

export type Keywords = { readonly [keyword: string]: unknown };
type Words = string | Keywords;
type Section = 'headers' | 'parameters' | 'responses' | 'schemas';

/**
 * A part of the document that several operations use, such as a header. The document defines the
 * part once, under `components`, and each use becomes a `$ref`.
 */
export class Component<S extends Section = Section> {
  name: string | undefined;
  description: string | undefined;
  readonly section: S;
  readonly definition: object;

  constructor(section: S, definition: object) {
    this.section = section;
    this.definition = definition;
  }

  /** Returns a copy of the component. One operation uses the copy, with its own description. */
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
 * The schema of a UUID. The schema has a pattern too, because some validators do not check
 * `format`. A pattern in JSON Schema is always case-sensitive, so the pattern contains `a-fA-F`.
 */
const UUID_SCHEMA = {
  type: 'string',
  format: 'uuid',
  pattern: UUID.source.replaceAll('a-f', 'a-fA-F'),
} as const;
export const uuid = (description: string) => ({ ...UUID_SCHEMA, description });
export const time = (description: string) => ({ type: 'string', format: 'date-time', description });

/**
 * The schema of a finite number. The bounds exclude numbers such as 1e400. JSON.parse turns 1e400
 * into Infinity, which the Worker refuses.
 */
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

/**
 * Describes an object in a response. Only the properties in `optional` may be absent. `rule`
 * contains more keywords of the schema.
 */
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
 * `rule` contains keywords such as `if` and `then`, with which the schema of one property depends
 * on the value of another property.
 */
export const resourceSchema = <T extends { readonly updated_at?: string }>(
  properties: PropertiesOf<T>,
  rule?: Keywords,
) => objectSchema<T>(properties, ['updated_at'], rule);

/**
 * Describes some properties of an object, for use in `if` and `then`. The object may have more
 * properties. The linter redocly would refuse them without `unevaluatedProperties`.
 */
export const someProperties = (properties: Keywords) => ({
  properties,
  unevaluatedProperties: true,
});

/**
 * Options for converting a validator to a JSON Schema:
 * - The conversion leaves out each `check` and `to_lower_case`, because JSON Schema cannot express
 *   them.
 * - For a text that may be null, the conversion writes `"type": ["string", "null"]` instead of an
 *   `anyOf` with two schemas. It does the same for every other type.
 */
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

/** The text that the document has at each field that an update refuses to change. */
export const IMMUTABLE_FIELD = 'Cannot be changed: leave it out, or send it as it is stored.';
/**
 * The text that the document has at each field that the server sets. If the caller creates a
 * resource and sends another value than the server's, the Worker refuses the request.
 */
export const SERVER_FIELD = 'Set by the server: leave it out, or send the same value.';
const SENT_BACK = textOrNull('Ignored.');
/**
 * Properties that the Worker ignores in a request body. A caller may send back a resource as the
 * Worker returned it, with these properties. The document describes them, because a generated
 * client needs their types.
 */
export const IGNORED = { updated_by: SENT_BACK, updated_at: SENT_BACK };

/**
 * The schema of a field that a caller must not send in a request that creates a resource: the
 * Worker refuses every value. A generated client gets the type `never`.
 */
export const NEVER = false as const;

/**
 * Describes fields of a request body that the caller cannot choose: the Worker refuses a sent value
 * that differs from the server's value.
 */
type ServerFields<Fields extends object> = {
  /** An object whose keys are the names of the fields. */
  readonly fields: Fields;
  /** The text that the document has at each of the fields. */
  readonly sentence: string;
  /**
   * The schema of each field in the document. The schema allows only values that the server may
   * store. The Worker's validator allows more values, because the operation compares the sent value
   * with the server's value after the validation.
   */
  readonly schemas: { readonly [field in keyof Fields]: Keywords | typeof NEVER };
};

/**
 * Describes a request body in the document. The description comes from the validator that parses
 * the body, and from texts.
 * @param validator the valibot schema that parses the body
 * @param words has an entry for each property that the caller may choose: a description, or
 * keywords of the schema. A keyword such as `maxLength` adds a bound that the conversion of the
 * validator leaves out (FROM_VALIDATOR). If `words` has a property that the validator lacks, the
 * property's keywords are its whole schema.
 * @param rule keywords such as `if` and `then`, with which the schema of one property depends on
 * the value of another property
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
    // If a property has a default, some generated clients make the property required. So the schema
    // leaves out the defaults null and {}, and a property with such a default stays optional.
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

/** Headers that a response with one resource has besides the common headers. */
export const TAGGED: Headers = { 'cache-control': headers.NoTransform, etag: headers.ETag };
/**
 * The bookmark, a header that names a state of D1. The document adds this header to each refusal
 * that the Worker may send after a query. If D1 answered the query, the refusal has the header.
 */
export const BOOKMARK: Headers = { 'x-d1-bookmark': headers.Bookmark };
/** The header `retry-after`. A refusal has this header if the caller may retry. */
export const RETRY: Headers = { 'retry-after': headers.RetryAfter };

/**
 * Describes a response. `more` contains additional headers. A header in `more` replaces the common
 * header with the same name.
 */
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

/**
 * Describes a response without a body. If the Worker queried D1 and D1 answered, the response has
 * the header `x-d1-bookmark`.
 */
export const emptyResponse = (description: string, more: Headers = {}) =>
  response(description, undefined, { 'x-d1-bookmark': headers.Bookmark, ...more });

/**
 * Describes a response with JSON. If the Worker queried D1 and D1 answered, the response has the
 * header `x-d1-bookmark`.
 */
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

/**
 * Describes the two responses to a request that creates a resource: 201 if the request created it,
 * and 200 if an earlier request created it with the same content.
 */
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
/**
 * Describes a response that refuses the request. Each entry of `sentences` becomes an example in
 * the document: the key is the example's name, and the value is the sentence that the caller gets.
 */
export const refusalResponse = (description: string, sentences: Sentences, more: Headers = {}) => {
  const examples = mapValues(sentences, (error) => ({ value: { error } }));
  return response(description, { 'application/json': { schema: schemas.Error, examples } }, more);
};
/** Describes a refusal that several operations may send, as a component of the document. */
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

/** Error messages that both a caller with a token and a user of a link may get. */
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

/** Defines the parameter `limit` of a list: the most entries that a page may have. */
export const limitParameter = (noun: string, maximum: number, example: number) => {
  const schema = { type: 'integer', minimum: 1, maximum, default: maximum };
  return queryParameter('limit', `How many ${noun} a page may have.`, { schema, example });
};

/** Matches every cursor: encoded text, which the caller sends back unchanged. */
const CURSOR_PATTERN = '^\\w+$';
/**
 * Defines the parameter `cursor` of a list. `example` is the text that the example cursor encodes,
 * such as a time and an id. This function encodes the text.
 */
export const cursorParameter = (example: string) =>
  queryParameter('cursor', 'Where the page starts, as it came in a `Link` header.', {
    schema: { type: 'string', pattern: CURSOR_PATTERN },
    example: btoa(example).replaceAll('=', ''),
  });

/**
 * Matches one element of a list of entity tags, such as `"7"` in `"7", "8"`. An element may be
 * empty (RFC 9110 §5.6.1). Spaces and tabs may surround a tag.
 */
const TAG_ELEMENT = String.raw`[ \t]*(?:(?:W/)?"[^\x00-\x20"\x7f]*"[ \t]*)?`;
/**
 * The form of the header If-Match. test/request-schema.test.ts compares the pattern with
 * http/preconditions.ts, which parses the header.
 */
const IF_MATCH = {
  pattern: String.raw`^(?:[ \t]*\*[ \t]*|${TAG_ELEMENT}(?:,${TAG_ELEMENT})*)$`,
  example: '*',
};
/** The form of the header Idempotency-Key. The test compares this pattern too. */
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
/**
 * A reason why the Worker answers 400. The request reads a list or creates a resource, and has a
 * precondition such as `If-Match`. A precondition makes sense only for one existing resource.
 */
export const NO_PRECONDITION =
  'the request has a precondition such as `If-Match`, which this operation does not take';
/**
 * The reasons why the Worker answers 400 to a request, by the kind of the operation. These reasons
 * are the same for every resource.
 */
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
  /**
   * The parameters that only this operation has. The functions `operation` and `publicOperation`
   * add the parameters that all operations share.
   */
  readonly parameters?: readonly Component<'parameters'>[];
  readonly requestBody?: object;
  /**
   * The responses that only this operation has. The function `operation` adds the refusals that all
   * operations with a token share.
   */
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
