/**
 * Defines the principal: the caller of a request. Only auth/claims.ts and link/key.ts make a
 * principal, after verifying a signature. `AccountId` is branded, so the compiler refuses a plain
 * string as an account.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

/** The id of the account that owns the shared labels. Every account may use these labels. */
export const SHARED_ACCOUNT = 'shared';

export type Principal = {
  readonly account: AccountId;
  /** The author of what the caller writes, except of an evaluation that `evaluator` creates. */
  readonly subject: string;
  /**
   * An evaluator, such as a judge model. If set, it is the author of the evaluations that the
   * caller creates.
   */
  readonly evaluator: string | undefined;
  readonly run: string | undefined;
  readonly evaluation: string | undefined;
  /** Undefined for a caller with a token. */
  readonly link: string | undefined;
  /** The `kid` in the token's header, for the log. */
  readonly keyId: string | undefined;
};

/**
 * Returns true if the caller may access the evaluation, or the whole run if `path` has no `id`. A
 * link's URL names no run, so `run_id` is null for a link.
 */
export const allows = (
  { run, evaluation }: Principal,
  path: { readonly run_id: string | null; readonly id?: string },
): boolean =>
  (run === undefined || run === path.run_id) &&
  (evaluation === undefined || evaluation === path.id);

/**
 * Returns true if the caller may read or write labels. A token for one run may only read labels.
 */
export const allowsLabels = ({ run, evaluation }: Principal, access: 'read' | 'write'): boolean =>
  evaluation === undefined && (run === undefined || access === 'read');
