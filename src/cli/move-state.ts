/** How far the move of an account is, as both databases have it: set by one program at a time, or by none. */
import { query, type Statement, type Store } from './move-tables.ts';

export type Move = { readonly account: string; readonly source: Store; readonly target: Store };

/** As drizzle/0001_create_triggers.sql explains them. */
export type State = 'leaving' | 'finishing' | 'moved' | 'arriving' | 'undoing' | 'discarding' | undefined;

export async function stateIn(store: Store, { account, source, target }: Move): Promise<State> {
  const [row] = await query(store, 'SELECT state, other FROM account_move WHERE account_id = ?', account);
  const other = store === source ? target.name : source.name;
  if (row && row['state'] !== 'moved' && row['other'] !== other) {
    throw new Error(
      `${account} is ${row['state']} in ${store.name}, by a move from or to ${row['other']}: end that first.`,
    );
  }
  return row?.['state'] as State;
}

export const changeState = (account: string, from: string, to: string): Statement => ({
  sql: 'UPDATE account_move SET state = ?3 WHERE account_id = ?1 AND state = ?2 RETURNING 1',
  params: [account, from, to],
});

/** @throws {Error} if another program has changed it meanwhile. */
export async function setState(store: Store, account: string, from: string, to: string): Promise<void> {
  const [rows] = await store.batch([changeState(account, from, to)]);
  if (rows?.length !== 1)
    throw new Error(`${account} is not ${from} in ${store.name} any more: does another move run?`);
}
