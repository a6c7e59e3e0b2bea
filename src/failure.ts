/**
 * What can go wrong with a request, as a closed union of facts. Whoever notices a failure throws its fact;
 * http/errors.ts alone knows what status, headers and words it becomes.
 */
export type Fact =
  /** The request cannot be understood; `error` tells the caller what to change. */
  | { readonly kind: 'malformed'; readonly error: string }
  /** No bearer credentials came with the request. */
  | { readonly kind: 'no_credentials' }
  /** Credentials came and do not verify. `error` is one of a few fixed sentences, safe to show a stranger. */
  | { readonly kind: 'invalid_token'; readonly error: string }
  /** The token verifies and lacks the scope that the deployment asks for. */
  | { readonly kind: 'insufficient_scope'; readonly scope: string }
  /** The account has used up its allowance of requests for now. */
  | { readonly kind: 'rate_limited'; readonly retryAfterSeconds: number }
  /** The issuer's keys cannot be had, so nobody can say whether the token is good. */
  | { readonly kind: 'keys_unavailable'; readonly retryAfterSeconds: number }
  /** It does not exist, or is not the caller's: deliberately one and the same fact. */
  | { readonly kind: 'not_found' }
  | { readonly kind: 'label_not_found' }
  /** The id that the caller chose is that of an evaluation with other content, or of somebody else. */
  | { readonly kind: 'id_is_taken' }
  /** Another version is stored than the caller's precondition names. `version` is the stored one. */
  | { readonly kind: 'precondition_failed'; readonly version: string }
  /** The request is understood and would store what is not allowed; `error` says what is. */
  | { readonly kind: 'unprocessable'; readonly error: string }
  /** The database does not answer now, or the row changes too fast to say why a write was refused. */
  | { readonly kind: 'database_unavailable'; readonly retryAfterSeconds: number }
  /** Stored reference data that contradicts itself. `fault` names it, for the log only. */
  | { readonly kind: 'inconsistent_data'; readonly fault: string }
  | { readonly kind: 'path_not_found' }
  | { readonly kind: 'method_not_allowed'; readonly allow: string }
  | { readonly kind: 'body_too_large'; readonly maxBytes: number }
  | { readonly kind: 'unsupported_media_type' }
  /** A setting is missing or wrong. `fault` names it and the command that mends it, for the log only. */
  | { readonly kind: 'misconfigured'; readonly fault: string };

/** What the log line may say about a failure beyond its kind. Never a token, a body or a value. */
export type FailureDetail = {
  readonly code?: string;
  readonly key_id?: string | undefined;
  readonly cause?: string;
};

export class Failure extends Error {
  readonly fact: Fact;
  readonly detail: FailureDetail;

  constructor(fact: Fact, detail: FailureDetail = {}) {
    super(fact.kind);
    this.name = 'Failure';
    this.fact = fact;
    this.detail = detail;
  }
}

/** Missing or not yours. */
export const notFound = () => new Failure({ kind: 'not_found' });

/** What was thrown, and what caused it, in one line for the log and for those who look for known words in it. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}; ${messageOf(thrown.cause)}`;
}
