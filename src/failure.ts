/**
 * What can go wrong with a request. Whoever notices a failure throws it, with its code and the sentence that the caller
 * reads; http/errors.ts alone maps a code to its status and headers.
 */
export type FailureCode =
  /** The request cannot be understood. */
  | 'malformed'
  /** No bearer token came with the request. */
  | 'no_credentials'
  /** A token came and does not verify. */
  | 'invalid_token'
  /** The token verifies and lacks the scope that the deployment requires. */
  | 'insufficient_scope'
  /** It does not exist, or it is not the caller's: one code on purpose, so that nobody can tell which. */
  | 'not_found'
  | 'method_not_allowed'
  /** The id that the caller chose is taken. */
  | 'conflict'
  /** Another version is stored than the precondition names. */
  | 'precondition_failed'
  | 'body_too_large'
  | 'unsupported_media_type'
  /** The request is understood and asks for something that is not allowed. */
  | 'unprocessable'
  | 'rate_limited'
  /** The key set that verifies the token cannot be fetched. */
  | 'keys_unavailable'
  | 'database_unavailable'
  /** A setting is missing or wrong. */
  | 'misconfigured';

/** What the response's headers say beyond the code. */
export type FailureHeaders = {
  /** For `retry-after`. */
  readonly retryAfterSeconds?: number;
  /** The methods of the path, for `allow`. */
  readonly allow?: string;
  /** The scope that is required, for `www-authenticate`. */
  readonly scope?: string;
  /** The version that is stored, for `etag`. */
  readonly version?: string;
};

/** What the log line says beyond the code. Never a token, a body or a value. */
export type FailureLog = {
  readonly code?: string;
  readonly key_id?: string | undefined;
  /** Which claim of the token was wrong, what it had to be and what it was; a stranger chooses the last. */
  readonly claim?: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly cause?: string;
};

declare global {
  interface ErrorConstructor {
    /** How many frames V8 captures. */
    stackTraceLimit: number;
  }
}

/**
 * Its message is the sentence that the caller reads: what to change, in words that are safe to show to a stranger. It has no
 * stack trace: nobody reads that of a refusal, and capturing one costs CPU for each forged token that a stranger sends.
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

export const INTERNAL_ERROR =
  'The server failed to process the request; this is not your fault. Quote the x-request-id when you report it.';

/** Missing or not yours. */
export const notFound = () =>
  new Failure(
    'not_found',
    'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
  );

export const malformed = (sentence: string) => new Failure('malformed', sentence);

/** Of a repeated create, whose id comes from its key. */
export const keyIsTaken = () =>
  new Failure(
    'conflict',
    'The Idempotency-Key was sent before, with other content: send a new key with new content.',
  );

/** `version` is the one that is stored. */
export const preconditionFailed = (resource: string, version: string) =>
  new Failure(
    'precondition_failed',
    `The ${resource} is not as If-Match expects it: get it again, and send its present ETag.`,
    { version },
  );

/**
 * An internal error: the conditions of a statement and of the code that explains it disagree
 * (test/explanation.test.ts holds them together).
 */
export const unexplained = (write: string) =>
  new Error(`The ${write} stored nothing, and no condition explains why.`);

export const unprocessable = (sentence: string) => new Failure('unprocessable', sentence);

/** The write may be stored all the same. Its key, or its id, makes a retry safe. */
export const databaseUnavailable = (retryAfterSeconds: number, cause: string) =>
  new Failure(
    'database_unavailable',
    'The database does not answer now: send the same request again later. With an Idempotency-Key a write is stored once.',
    { retryAfterSeconds },
    { cause },
  );

/** A Worker was deployed in front of a database that is older than it. */
export const lacksMigrations = (cause: string) =>
  new Failure(
    'database_unavailable',
    'The database lacks migrations: deploy with npm run deploy, which applies them first.',
    { retryAfterSeconds: 5 },
    { cause },
  );

/** A setting is missing or wrong. The log names it and the command that fixes it, never its value. */
export const misconfigured = (setting: string, fault: string) =>
  new Failure(
    'misconfigured',
    INTERNAL_ERROR,
    {},
    { cause: `${setting} ${fault}: ${fixOf(setting)}` },
  );

const fixOf = (setting: string) =>
  setting === 'JWT_SECRET' || setting === 'LINK_SECRET'
    ? `run \`openssl rand -base64 48 | npx wrangler secret put ${setting} --env=<environment>\` (empty for production), or put one into .dev.vars`
    : `run \`npx wrangler secret put ${setting} --env=<environment>\` (empty for production), or fix it in wrangler.toml or .dev.vars`;

/** The message of what was thrown and of each of its causes, on one line. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined
    ? thrown.message
    : `${thrown.message}; ${messageOf(thrown.cause)}`;
}
