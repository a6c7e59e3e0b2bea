/**
 * The caller of a request. Only auth/claims.ts makes a principal, from a verified token, and
 * link/key.ts, from the verified key of a link. `AccountId` is a branded type, so the compiler
 * keeps any other text from reaching the database as an account.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

/** The account whose labels every account may use. */
export const SHARED_ACCOUNT = 'shared';

export type Principal = {
  readonly account: AccountId;
  /** The token's subject: the author of what the caller writes. */
  readonly subject: string;
  /** The evaluator that the token was issued to, if any: the author of what the caller creates. */
  readonly evaluator: string | undefined;
  /** The one run that the token is restricted to, if any. */
  readonly run: string | undefined;
  /** The one evaluation that the token is restricted to, if any. */
  readonly evaluation: string | undefined;
  /** The id of the link that the request came through, if any. */
  readonly link: string | undefined;
  /** The `kid` of the key that verified the token, for the log. */
  readonly keyId: string | undefined;
};

/**
 * Returns true if the token's restriction allows the evaluation, or without an `id` the whole run.
 * An operation answers everything else with `not_found`. `run_id` is null in a link, which names no
 * run.
 */
export const allows = (
  { run, evaluation }: Principal,
  path: { readonly run_id: string | null; readonly id?: string },
): boolean =>
  (run === undefined || run === path.run_id) &&
  (evaluation === undefined || evaluation === path.id);

/**
 * Returns true if the token's restriction allows access to evaluation labels. A token for one run
 * may read labels, so that its holder can understand the run's values.
 */
export const allowsLabels = ({ run, evaluation }: Principal, access: 'read' | 'write'): boolean =>
  evaluation === undefined && (run === undefined || access === 'read');
