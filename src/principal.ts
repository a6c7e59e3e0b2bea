/**
 * Defines the principal: an object that describes the caller of a request. Only two files make a
 * principal. auth/claims.ts makes it from a verified token, and link/key.ts from a link with a
 * verified signature.
 * `AccountId` is a branded type. If code passes a plain string as the account of a query, the
 * compiler refuses the code.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

/** The id of the account that owns the shared labels. Every account may use these labels. */
export const SHARED_ACCOUNT = 'shared';

export type Principal = {
  readonly account: AccountId;
  /**
   * The author of what the caller writes: the subject of the token, or the author that the link
   * names. `evaluator` has the only exception.
   */
  readonly subject: string;
  /**
   * The id of an evaluator, such as a judge model, if the token names one. If the caller creates an
   * evaluation, its author is then the evaluator, not `subject`.
   */
  readonly evaluator: string | undefined;
  /** The id of a run, if the token is restricted to this run. */
  readonly run: string | undefined;
  /** The id of an evaluation, if the token or the link is restricted to this evaluation. */
  readonly evaluation: string | undefined;
  /** The id of the link, if the caller uses a link and not a token. */
  readonly link: string | undefined;
  /** The `kid` in the token's header, if any. Only the log shows it. */
  readonly keyId: string | undefined;
};

/**
 * Returns true if the caller may access the evaluation `id` of the run `run_id`. If `path` has no
 * `id`, returns true if the caller may access the whole run. If the result is false, the operation
 * throws `not_found`.
 * The URL of a link names no run. So for a request through a link, `run_id` is null.
 */
export const allows = (
  { run, evaluation }: Principal,
  path: { readonly run_id: string | null; readonly id?: string },
): boolean =>
  (run === undefined || run === path.run_id) &&
  (evaluation === undefined || evaluation === path.id);

/**
 * Returns true if the caller may read or write evaluation labels:
 * - A token without a restriction allows both.
 * - A token for one run allows reading, because labels explain the run's values.
 * - A token for one evaluation allows neither.
 */
export const allowsLabels = ({ run, evaluation }: Principal, access: 'read' | 'write'): boolean =>
  evaluation === undefined && (run === undefined || access === 'read');
