/**
 * Turns errors into responses. Only this file maps the code of a `Failure` to a status. After any
 * other error, the caller reads one constant sentence, and the log has the complete error.
 */
import { Failure, type FailureCode, INTERNAL_ERROR } from '../failure.ts';
import type { AppContext } from './context.ts';
import { createValidators, respondJson } from './response.ts';

const STATUS: { readonly [code in FailureCode]: number } = {
  malformed: 400,
  no_credentials: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  precondition_failed: 412,
  body_too_large: 413,
  unsupported_media_type: 415,
  unprocessable: 422,
  rate_limited: 429,
  misconfigured: 500,
  keys_unavailable: 503,
  database_unavailable: 503,
};

function createFailureHeaders({ code, message, headers }: Failure): Record<string, string> {
  const { retryAfterSeconds, allow, scope, version } = headers;
  const challenge = createChallenge(code, message, scope);
  return {
    ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    ...(allow === undefined ? {} : { allow }),
    ...(version === undefined ? {} : createValidators(version)),
  };
}

/**
 * Returns the value of WWW-Authenticate (RFC 6750 §3), or undefined if the failure has no
 * challenge.
 */
function createChallenge(
  code: FailureCode,
  sentence: string,
  scope: string | undefined,
): string | undefined {
  switch (code) {
    case 'no_credentials':
      // RFC 6750 §3.1: a response to a request without credentials has no error code.
      return 'Bearer';
    case 'invalid_token':
      return `Bearer error="invalid_token", error_description="${sentence}"`;
    case 'insufficient_scope':
      return `Bearer error="insufficient_scope", error_description="${sentence}", scope="${scope}"`;
    default:
      return undefined;
  }
}

/**
 * Returns the status, sentence and headers of the response to a failure, and adds the failure to
 * the log line.
 */
export function describeFailure(thrown: Error, c: AppContext) {
  const log = c.get('log');
  if (!(thrown instanceof Failure)) {
    log.refusal = 'unexpected';
    log.cause = collectStacks(thrown);
    return { status: 500, error: INTERNAL_ERROR, headers: {} };
  }
  Object.assign(log, { refusal: thrown.code }, thrown.log);
  return {
    status: STATUS[thrown.code],
    error: thrown.message,
    headers: createFailureHeaders(thrown),
  };
}

/** Creates the response to a failure: `{"error": "<sentence>"}` as JSON. */
export function renderFailure(thrown: Error, c: AppContext): Response {
  const { status, error, headers } = describeFailure(thrown, c);
  return respondJson(c, status, { error }, headers);
}

/**
 * Creates the handler for the methods that a path does not have (RFC 9110 §15.5.6).
 * @throws {Failure} `method_not_allowed`, when the handler runs.
 */
export const methodNotAllowed = (allow: string) => () => {
  throw new Failure('method_not_allowed', `This path does not have that method; it has ${allow}.`, {
    allow,
  });
};

/** Creates the 404 for a path that does not exist. */
export const renderPathNotFound = (c: AppContext): Response =>
  renderFailure(
    new Failure('not_found', 'No such path: GET /openapi.json describes the paths that exist.'),
    c,
  );

/** Returns the stacks of an error and of its causes. */
function collectStacks(thrown: Error): string {
  const own = thrown.stack ?? String(thrown);
  return thrown.cause instanceof Error ? `${own}\ncaused by ${collectStacks(thrown.cause)}` : own;
}
