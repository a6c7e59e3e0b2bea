/**
 * Who is asking, as far as a verified token says. Only auth/claims.ts makes one, so an account that did not
 * come out of a verified token cannot reach the database: the type does not allow it.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

export type Principal = {
  readonly account: AccountId;
  /** The token's `sub`: the author of what is written. */
  readonly subject: string;
  /** Where the token opens one run only, that run. */
  readonly run: string | undefined;
  /** Where the token opens one evaluation only, that evaluation. */
  readonly evaluation: string | undefined;
  /** The `kid` of the key that verified the token, for the log. */
  readonly keyId: string | undefined;
};

/**
 * Whether the token opens this door: an evaluation, or without an `id` a whole run. Where it does not, the answer is
 * the one for what does not exist.
 */
export const opens = (
  { run, evaluation }: Principal,
  path: { readonly run_id: string; readonly id?: string },
): boolean => (run === undefined || run === path.run_id) && (evaluation === undefined || evaluation === path.id);
