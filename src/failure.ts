/**
 * Defines the failures of a request. The code that notices a failure throws a `Failure` with a
 * failure code and the sentence that the caller reads. Only http/errors.ts maps the failure code to
 * a status and headers.
 */
export type FailureCode =
  /** The Worker cannot understand the request. */
  | 'malformed'
  /** The request has no bearer token. */
  | 'no_credentials'
  /** The token is malformed, has a wrong signature, has expired, or has a claim that is refused. */
  | 'invalid_token'
  /** The token is valid, but lacks the scope that the deployment requires. */
  | 'insufficient_scope'
  /**
   * The resource does not exist, or the caller may not access it. The resource may belong to
   * another account. Or the token may be restricted to one run or one evaluation, and the resource
   * is not part of it. All cases have the same code, so that no caller learns which ids exist.
   */
  | 'not_found'
  | 'method_not_allowed'
  /**
   * A request to create a resource cannot store it under its id. The id is in use, or a resource
   * with the id was deleted after the request began. Or the caller sent the Idempotency-Key before
   * with a different body.
   */
  | 'conflict'
  /** The request's If-Match does not list the resource's stored version. */
  | 'precondition_failed'
  | 'body_too_large'
  | 'unsupported_media_type'
  /**
   * The request is well-formed, but the API, the evaluation's label or the link does not allow its
   * content. An example is a value outside the label's range.
   */
  | 'unprocessable'
  | 'rate_limited'
  /** The Worker cannot fetch the key set that verifies the token. */
  | 'keys_unavailable'
  | 'database_unavailable'
  /** A setting is missing or wrong. */
  | 'misconfigured';

type FailureHeaders = {
  /** The value of the response header `retry-after`. */
  readonly retryAfterSeconds?: number;
  /** The methods that the path allows, for the response header `allow`. */
  readonly allow?: string;
  /** The scope that the token lacks, for the response header `www-authenticate`. */
  readonly scope?: string;
  /** The stored version, for the response header `etag`. */
  readonly version?: string;
};

/**
 * Fields that a failure adds to the log line. They never contain a token, a body or the value of an
 * evaluation.
 */
export type FailureLog = {
  readonly code?: string;
  readonly key_id?: string | undefined;
  /** The name of the claim that made the token invalid. */
  readonly claim?: string;
  /** Describes the values that the claim may have. */
  readonly expected?: string;
  /**
   * Shows or describes the claim's value. A stranger may have chosen the value, so the code that
   * sets this field must escape the value.
   */
  readonly actual?: string;
  readonly cause?: string;
};

declare global {
  interface ErrorConstructor {
    /** V8 captures at most this many stack frames for each new error. */
    stackTraceLimit: number;
  }
}

/**
 * A failure of a request. The message is the sentence that the caller reads. It tells what to
 * change, and is safe to show to a stranger. A failure has no stack trace: nobody reads it, and
 * capturing one costs CPU for each forged token that a stranger sends.
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

/**
 * Makes the failure `not_found` for a resource that does not exist, or that the caller may not
 * access. Both cases have the same sentence, so no caller learns which ids exist.
 */
export const notFound = () =>
  new Failure(
    'not_found',
    'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
  );

export const malformed = (sentence: string) => new Failure('malformed', sentence);

/**
 * Makes the failure `conflict` for a request that creates a resource. The caller sent the
 * request's Idempotency-Key before, with a different body.
 */
export const keyIsTaken = () =>
  new Failure(
    'conflict',
    'The Idempotency-Key was sent before, with other content: send a new key with new content.',
  );

/**
 * Makes the failure `precondition_failed`: the request's If-Match does not list the resource's
 * stored version. `version` is this version.
 */
export const preconditionFailed = (resource: string, version: string) =>
  new Failure(
    'precondition_failed',
    `The ${resource} is not as If-Match expects it: get it again, and send its present ETag.`,
    { version },
  );

/**
 * Makes an error that reports a bug: a write changed no row, and the code finds no condition of the
 * write that the row breaks. test/explanation.test.ts tests that this never happens.
 */
export const unexplained = (write: string) =>
  new Error(`The ${write} stored nothing, and no condition explains why.`);

export const unprocessable = (sentence: string) => new Failure('unprocessable', sentence);

/**
 * Makes the failure `database_unavailable` because the database does not answer now. The database
 * may have stored a write nevertheless. So the sentence tells the caller about Idempotency-Key,
 * which makes a retry safe. Only the log shows `cause`.
 */
export const databaseUnavailable = (retryAfterSeconds: number, cause: string) =>
  new Failure(
    'database_unavailable',
    'The database does not answer now: send the same request again later. With an Idempotency-Key a write is stored once.',
    { retryAfterSeconds },
    { cause },
  );

/**
 * Makes the failure `database_unavailable` because the database lacks migrations that the deployed
 * Worker needs. Only the log shows `cause`.
 */
export const lacksMigrations = (cause: string) =>
  new Failure(
    'database_unavailable',
    'The database lacks migrations: deploy with npm run deploy, which applies them first.',
    { retryAfterSeconds: 5 },
    { cause },
  );

/**
 * Makes the failure `misconfigured` for a setting that is missing or wrong. The log shows the
 * setting's name, the fault, and the command that changes the setting. The log never shows the
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

/**
 * The log shows at most this many characters of a key id or of `cf-ray`, because a stranger may
 * choose both.
 */
export const LOGGED_ID_MAX_CHARS = 128;

/**
 * Escapes a text for the log. The result is printable ASCII and has at most `maxChars` characters.
 * A stranger may have chosen the text.
 */
export const escapeForLog = (text: string, maxChars: number) =>
  text
    .slice(0, maxChars)
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .slice(0, maxChars);

/** Returns the messages of an error and of each of its causes, separated by semicolons. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined
    ? thrown.message
    : `${thrown.message}; ${messageOf(thrown.cause)}`;
}
