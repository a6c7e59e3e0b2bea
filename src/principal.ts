/**
 * The caller of a request. Only two files make a principal: auth/claims.ts from a verified token,
 * and link/key.ts from the verified key of a link. `AccountId` is a branded type: the compiler
 * refuses any other string where the database needs an account.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

/** The account whose labels every account may use. */
export const SHARED_ACCOUNT = 'shared';

export type Principal = {
  readonly account: AccountId;
  /** The author of what the caller writes: the token's subject, or the author of a link. */
  readonly subject: string;
  /** The evaluator that the token names, if any: the author of what the caller creates. */
  readonly evaluator: string | undefined;
  /** The one run that the token is restricted to, if any. */
  readonly run: string | undefined;
  /** The one evaluation that the token is restricted to, if any. */
  readonly evaluation: string | undefined;
  /** The id of the link through which the request came, if any. */
  readonly link: string | undefined;
  /** The `kid` of the key that verified the token, for the log. */
  readonly keyId: string | undefined;
};

/**
 * Returns true if the token's restriction allows the evaluation `id`, or, if there is no `id`, the
 * whole run. If the result is false, the operation throws `not_found`. `run_id` is null for a
 * request through a link, because a link names no run.
 */
export const allows = (
  { run, evaluation }: Principal,
  path: { readonly run_id: string | null; readonly id?: string },
): boolean =>
  (run === undefined || run === path.run_id) &&
  (evaluation === undefined || evaluation === path.id);

/**
 * Returns true if the token's restriction allows access to evaluation labels. A token for one run
 * may read labels, because they explain the run's values. A token for one evaluation may not.
 */
export const allowsLabels = ({ run, evaluation }: Principal, access: 'read' | 'write'): boolean =>
  evaluation === undefined && (run === undefined || access === 'read');
