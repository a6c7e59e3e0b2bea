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
  /** The token does not verify. */
  | 'invalid_token'
  /** The token verifies, but lacks the scope that the deployment requires. */
  | 'insufficient_scope'
  /**
   * The resource does not exist, belongs to another account, or is outside the token's restriction.
   * All cases have the same code, so that no caller learns which ids exist.
   */
  | 'not_found'
  | 'method_not_allowed'
  /** The id is in use, or the Idempotency-Key was sent before with a different body. */
  | 'conflict'
  /** If-Match does not list the stored version. */
  | 'precondition_failed'
  | 'body_too_large'
  | 'unsupported_media_type'
  /** The request is well-formed, but breaks a rule of the API, of a label or of a link. */
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
  /**
   * The name of the claim that made the token invalid. `expected` describes the accepted values,
   * and `actual` is the value in the token. A stranger may choose `actual`, so the code that fills
   * it must escape it.
   */
  readonly claim?: string;
  readonly expected?: string;
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
 * Makes the failure for a resource that does not exist, or that the caller may not access. Both
 * cases have the same sentence, so no caller learns which ids exist.
 */
export const notFound = () =>
  new Failure(
    'not_found',
    'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
  );

export const malformed = (sentence: string) => new Failure('malformed', sentence);

/** Makes the failure of a create whose Idempotency-Key was sent before with a different body. */
export const keyIsTaken = () =>
  new Failure(
    'conflict',
    'The Idempotency-Key was sent before, with other content: send a new key with new content.',
  );

/** Makes the failure of a request whose If-Match does not list the stored version, `version`. */
export const preconditionFailed = (resource: string, version: string) =>
  new Failure(
    'precondition_failed',
    `The ${resource} is not as If-Match expects it: get it again, and send its present ETag.`,
    { version },
  );

/**
 * Makes the error that reports a bug: a write changed no row, although the code finds afterwards
 * that all conditions of the write are met. test/explanation.test.ts tests that this never happens.
 */
export const unexplained = (write: string) =>
  new Error(`The ${write} stored nothing, and no condition explains why.`);

export const unprocessable = (sentence: string) => new Failure('unprocessable', sentence);

/**
 * Makes the failure of a database that does not answer now. A write may be stored nevertheless, so
 * the sentence names the header that makes a retry safe. `cause` is for the log.
 */
export const databaseUnavailable = (retryAfterSeconds: number, cause: string) =>
  new Failure(
    'database_unavailable',
    'The database does not answer now: send the same request again later. With an Idempotency-Key a write is stored once.',
    { retryAfterSeconds },
    { cause },
  );

/**
 * Makes the failure of a database that lacks migrations that the deployed Worker needs. `cause` is
 * for the log.
 */
export const lacksMigrations = (cause: string) =>
  new Failure(
    'database_unavailable',
    'The database lacks migrations: deploy with npm run deploy, which applies them first.',
    { retryAfterSeconds: 5 },
    { cause },
  );

/**
 * Makes the failure of a missing or wrong setting. The log has the setting's name and the command
 * that fixes the setting, never the setting's value.
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
