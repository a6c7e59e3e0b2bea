/**
 * Who is asking, as far as a verified token says. Only http/token.ts makes one, so an account that did not
 * come out of a verified token cannot reach the database: the type does not allow it.
 */
declare const verified: unique symbol;

export type AccountId = string & { readonly [verified]: 'account' };

export type Principal = {
  readonly account: AccountId;
  /** The token's `sub`: the author of what is written. */
  readonly subject: string;
  /** The `kid` of the key that verified the token, for the log. */
  readonly keyId: string | undefined;
};
