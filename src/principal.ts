/**
 * The caller of a request. Only auth/claims.ts makes a principal, from a verified token, and
 * link/key.ts, from the verified key of a link. The type of an account keeps any other text from
 * reaching the database.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

/** The account whose labels are everyone's. */
export const SHARED_ACCOUNT = 'shared';

export type Principal = {
  readonly account: AccountId;
  /** The token's `sub`: the author of what is written. */
  readonly subject: string;
  /** The evaluator that the token is issued to, if any: the author of what it creates. */
  readonly evaluator: string | undefined;
  /** The one run that the token is restricted to, if any. */
  readonly run: string | undefined;
  /** The one evaluation that the token is restricted to, if any. */
  readonly evaluation: string | undefined;
  /** The `kid` of the key that verified the token, for the log. */
  readonly keyId: string | undefined;
};

/**
 * Whether the token's restriction allows an evaluation, or without an `id` a whole run. What it does not allow is
 * refused as if it did not exist.
 */
export const allows = (
  { run, evaluation }: Principal,
  path: { readonly run_id: string; readonly id?: string },
): boolean =>
  (run === undefined || run === path.run_id) &&
  (evaluation === undefined || evaluation === path.id);

/** Whether it allows evaluation labels: for one run, to read them, so that its values can be understood. */
export const allowsLabels = ({ run, evaluation }: Principal, access: 'read' | 'write'): boolean =>
  evaluation === undefined && (run === undefined || access === 'read');
