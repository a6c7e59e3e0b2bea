/**
 * Defines the failures of a request. Only http/errors.ts maps the failure code to a status and
 * headers.
 */
export type FailureCode =
  | 'malformed'
  | 'no_credentials'
  | 'invalid_token'
  | 'insufficient_scope'
  /** Missing and forbidden resources have one code, so that no caller learns which ids exist. */
  | 'not_found'
  | 'method_not_allowed'
  /** The id of a create exists already, or its Idempotency-Key came before with other content. */
  | 'conflict'
  | 'precondition_failed'
  | 'body_too_large'
  | 'unsupported_media_type'
  /** The request is well-formed, but the API, the label or the link does not allow its content. */
  | 'unprocessable'
  | 'rate_limited'
  | 'keys_unavailable'
  | 'database_unavailable'
  | 'misconfigured';

type FailureHeaders = {
  readonly retryAfterSeconds?: number;
  readonly allow?: string;
  readonly scope?: string;
  readonly version?: string;
};

/**
 * Fields that a failure adds to the log line. They never contain a token, a body or the value of an
 * evaluation.
 */
export type FailureLog = {
  readonly code?: string;
  readonly key_id?: string | undefined;
  readonly claim?: string;
  readonly expected?: string;
  /** A stranger may have chosen this value, so the code that sets it must escape it. */
  readonly actual?: string;
  readonly cause?: string;
};

declare global {
  interface ErrorConstructor {
    stackTraceLimit: number;
  }
}

/**
 * A failure of a request. The message is the sentence that the caller reads. A failure has no stack
 * trace, because capturing one costs CPU for each forged token.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly headers: FailureHeaders;
  readonly log: FailureLog;

  constructor(
    code: FailureCode,
    sentence: string,
    headers: FailureHeaders = {},
    log: FailureLog = {},
  ) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(sentence);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Failure';
    this.code = code;
    this.headers = headers;
    this.log = log;
  }
}

/** The caller reads this sentence after every unexpected error. Only the log has the details. */
export const INTERNAL_ERROR =
  'The server failed to process the request; this is not your fault. Quote the x-request-id when you report it.';

/** Makes the failure `not_found`, with one sentence for missing and for forbidden resources. */
export const notFound = () =>
  new Failure(
    'not_found',
    'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
  );

export const malformed = (sentence: string) => new Failure('malformed', sentence);

/** Makes the failure `conflict` for an Idempotency-Key that came before with other content. */
export const keyIsTaken = () =>
  new Failure(
    'conflict',
    'The Idempotency-Key was sent before, with other content: send a new key with new content.',
  );

/** Makes the failure `precondition_failed`. `version` is the resource's stored version. */
export const preconditionFailed = (resource: string, version: string) =>
  new Failure(
    'precondition_failed',
    `The ${resource} is not as If-Match expects it: get it again, and send its present ETag.`,
    { version },
  );

/** Makes an error that reports a bug: a write changed no row, and no condition explains why. */
export const unexplained = (write: string) =>
  new Error(`The ${write} stored nothing, and no condition explains why.`);

export const unprocessable = (sentence: string) => new Failure('unprocessable', sentence);

/**
 * Makes the failure `database_unavailable`. The write may be stored nevertheless, so the sentence
 * names Idempotency-Key.
 */
export const databaseUnavailable = (retryAfterSeconds: number, cause: string) =>
  new Failure(
    'database_unavailable',
    'The database does not answer now: send the same request again later. With an Idempotency-Key a write is stored once.',
    { retryAfterSeconds },
    { cause },
  );

/** Makes the failure `database_unavailable` for a database that lacks migrations. */
export const lacksMigrations = (cause: string) =>
  new Failure(
    'database_unavailable',
    'The database lacks migrations: deploy with npm run deploy, which applies them first.',
    { retryAfterSeconds: 5 },
    { cause },
  );

/**
 * Makes the failure `misconfigured`. The log shows the setting's name and the fault, but never the
 * setting's value.
 */
export const misconfigured = (setting: string, fault: string) =>
  new Failure(
    'misconfigured',
    INTERNAL_ERROR,
    {},
    { cause: `${setting} ${fault}: ${describeFix(setting)}` },
  );

const describeFix = (setting: string) =>
  setting === 'JWT_SECRET' || setting === 'LINK_SECRET'
    ? `run \`openssl rand -base64 48 | npx wrangler secret put ${setting} --env=<environment>\` (empty for production), or put one into .dev.vars`
    : `run \`npx wrangler secret put ${setting} --env=<environment>\` (empty for production), or fix it in wrangler.toml or .dev.vars`;

/** Limits a key id or `cf-ray` in the log, because a stranger may choose both. */
export const LOGGED_ID_MAX_CHARS = 128;

/** Escapes a text for the log: printable ASCII of at most `maxChars` characters. */
export const escapeForLog = (text: string, maxChars: number) =>
  text
    .slice(0, maxChars)
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .slice(0, maxChars);

/** Returns the messages of an error and of its causes, separated by semicolons. */
export function collectMessages(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined
    ? thrown.message
    : `${thrown.message}; ${collectMessages(thrown.cause)}`;
}
