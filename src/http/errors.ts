/**
 * The one place where a failure becomes an answer: status, headers and the body `{ "error": "<sentence>" }`.
 * What nobody foresaw is one constant sentence on the wire and complete in the log.
 */
import type { ErrorHandler, NotFoundHandler } from 'hono';
import { type Fact, Failure } from '../failure.ts';
import type { AppEnv } from './context.ts';
import { validatorsOf } from './etag.ts';
import { respondJson } from './response.ts';

type Refusal = {
  readonly status: number;
  readonly error: string;
  readonly headers?: Readonly<Record<string, string>>;
};

const OUR_FAULT: Refusal = {
  status: 500,
  error: 'The server failed to process the request; this is not your fault. Quote the x-request-id when you report it.',
};

const challenge = (parameters: string) => ({ 'www-authenticate': `Bearer${parameters}` });

function refusalOf(fact: Fact): Refusal {
  switch (fact.kind) {
    case 'malformed':
      return { status: 400, error: fact.error };
    case 'no_credentials':
      // RFC 6750 §3.1: no error code where no credentials came. Bare by decision: §3 would have a realm, which says nothing.
      return { status: 401, error: 'Send the header Authorization: Bearer <JWT>.', headers: challenge('') };
    case 'invalid_token':
      return {
        status: 401,
        error: fact.error,
        headers: challenge(` error="invalid_token", error_description="${fact.error}"`),
      };
    case 'insufficient_scope': {
      const error = `The token lacks the scope ${fact.scope}.`;
      const parameters = ` error="insufficient_scope", error_description="${error}", scope="${fact.scope}"`;
      return { status: 403, error, headers: challenge(parameters) };
    }
    case 'rate_limited':
      return {
        status: 429,
        error: 'Too many requests for this account: send the same request again later.',
        headers: { 'retry-after': String(fact.retryAfterSeconds) },
      };
    case 'keys_unavailable':
      return {
        status: 503,
        error: "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
        headers: { 'retry-after': String(fact.retryAfterSeconds) },
      };
    case 'not_found':
      return {
        status: 404,
        error: 'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
      };
    case 'label_not_found':
      return {
        status: 404,
        error: 'No such evaluation label: evaluation_label_id must name a label of the account, or a shared one.',
      };
    case 'id_is_taken':
      return { status: 409, error: 'The id is taken by an evaluation with other content: choose another, or none.' };
    case 'path_not_found':
      return { status: 404, error: 'No such path: GET /openapi.json describes those there are.' };
    case 'method_not_allowed':
      return {
        status: 405,
        error: `This path does not have that method; it has ${fact.allow}.`,
        headers: { allow: fact.allow },
      };
    case 'body_too_large':
      return { status: 413, error: `The body must be at most ${fact.maxBytes} bytes.` };
    case 'unsupported_media_type':
      return {
        status: 415,
        error: 'Send the body as JSON, uncompressed, with the header Content-Type: application/json.',
      };
    case 'precondition_failed':
      return {
        status: 412,
        error: 'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
        headers: validatorsOf(fact.version),
      };
    case 'unprocessable':
      return { status: 422, error: fact.error };
    case 'database_unavailable':
      return {
        status: 503,
        error: 'The database does not answer now: send the same request again later, which is safe.',
        headers: { 'retry-after': String(fact.retryAfterSeconds) },
      };
    case 'inconsistent_data':
    case 'misconfigured':
      return OUR_FAULT;
  }
}

export const renderFailure: ErrorHandler<AppEnv> = (thrown, c) => {
  const log = c.get('log');
  if (thrown instanceof Failure) {
    const { fact, detail } = thrown;
    Object.assign(log, { refusal: fact.kind }, detail);
    if ('fault' in fact) log.cause = fact.fault;
  } else {
    log.refusal = 'unforeseen';
    log.cause = causeOf(thrown);
  }
  const { status, error, headers } = thrown instanceof Failure ? refusalOf(thrown.fact) : OUR_FAULT;
  return respondJson(c, status, { error }, headers);
};

/** For every method that a path does not have (RFC 9110 §15.5.6). */
export const methodNotAllowed = (allow: string) => () => {
  throw new Failure({ kind: 'method_not_allowed', allow });
};

export const renderPathNotFound: NotFoundHandler<AppEnv> = (c) =>
  renderFailure(new Failure({ kind: 'path_not_found' }), c);

/** The whole chain of causes: a library's wrapper alone seldom says what happened. */
function causeOf(thrown: Error): string {
  const own = thrown.stack ?? String(thrown);
  return thrown.cause instanceof Error ? `${own}\ncaused by ${causeOf(thrown.cause)}` : own;
}
