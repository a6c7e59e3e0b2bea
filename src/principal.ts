/**
 * The caller of a request. Only two files make a principal: auth/claims.ts from a verified token,
 * and link/key.ts from a link whose signature it has verified. `AccountId` is a branded type: the
 * compiler refuses any other string where the database needs an account.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

/** The account whose labels every account may use. */
export const SHARED_ACCOUNT = 'shared';

export type Principal = {
  readonly account: AccountId;
  /**
   * The author of everything that the caller writes: the subject of the token, or the author that
   * the link names.
   */
  readonly subject: string;
  /**
   * The evaluator that the token names, if any. An evaluation that the caller creates then has the
   * evaluator as its author, not `subject`.
   */
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
 * Returns true if the caller may access the evaluation `id` of the run `run_id`. Without an `id`,
 * returns true if the caller may access the whole run. If the result is false, the operation throws
 * `not_found`. A link names no run, so `run_id` is null for a request through a link.
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
