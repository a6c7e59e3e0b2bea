/**
 * Which accounts a move is about, and from where: one by its name, or all of a range of slots. While slots leave a database,
 * no account may begin there: it would be left behind. That holds for all of its slots, because SQL knows no hash.
 */
import { type Assignment, bindingOf, slotOf } from '../db/databases.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import type { Slots } from './assignment.ts';
import type { Move } from './move-state.ts';
import { countOf, MOVED_TABLES, query, type Store } from './move-tables.ts';

/** The account that stands for all who have no rows yet. */
const NEWCOMERS = '';

const noteOf = ({ first, last }: Slots, target: Store) => `${first}-${last}=${target.name}`;

/** The source of a move of one account: where one has begun, or else where it lives. */
export async function sourceOf(stores: readonly Store[], account: string, target: Store, home: string): Promise<Store> {
  const sql = 'SELECT state, other FROM account_move WHERE account_id = ?';
  let [begun, ended]: (Store | undefined)[] = [];
  for (const store of stores) {
    const [row] = await query(store, sql, account);
    if (store === target && ['arriving', 'undoing', 'discarding'].includes(String(row?.['state']))) {
      begun ??= stores.find(({ name }) => name === row?.['other']);
    } else if (store !== target && row?.['other'] === target.name) {
      if (row['state'] === 'moved') ended = store;
      else begun = store;
    }
  }
  const source = begun ?? (home === target.name ? ended : stores.find(({ name }) => name === home));
  if (source && source !== target) return source;
  throw new Error(`${account} is in ${target.name} by DATABASES, and no move of it there is under way.`);
}

/** The accounts of these slots that DATABASES does not name, from each database that has some, with moves that ended. */
export async function movesOfSlots(
  stores: readonly Store[],
  target: Store,
  slots: Slots,
  assignment: Assignment,
): Promise<Move[]> {
  const moves: Move[] = [];
  for (const source of stores) {
    if (source === target) continue;
    const under = "SELECT account_id FROM account_move WHERE state <> 'moved' AND other = ?";
    const begun = [...(await query(source, under, target.name)), ...(await query(target, under, source.name))];
    // A fence of an earlier move away from the target would refuse the account there, though it has no rows anywhere.
    const fenced = await query(target, "SELECT account_id FROM account_move WHERE state = 'moved'");
    const here = fenced.filter((row) => bindingOf(assignment, String(row['account_id'])) === source.name);
    const found = new Set([...begun, ...here].map((row) => String(row['account_id'])));
    for (const account of await accountsIn(source)) found.add(account);
    for (const account of [...found].filter(isOf(slots, assignment)).sort()) moves.push({ account, source, target });
  }
  return moves;
}

/** Whether an account goes where these slots go. */
const isOf =
  ({ first, last }: Slots, { accounts }: Assignment) =>
  (account: string) => {
    if (account === SHARED_ACCOUNT || account === NEWCOMERS || accounts.has(account)) return false;
    const slot = slotOf(account);
    return first <= slot && slot <= last;
  };

/** @throws {Error} if an account of the slots is in the target and in none of the moves: undoing them would lose sight of it. */
export async function refuseBegun(target: Store, slots: Slots, assignment: Assignment, moves: readonly Move[]) {
  const fenced = await query(target, 'SELECT account_id FROM account_move');
  const known = new Set([...moves.map(({ account }) => account), ...fenced.map((row) => String(row['account_id']))]);
  const begun = [...(await accountsIn(target))]
    .filter(isOf(slots, assignment))
    .find((account) => !known.has(account) && bindingOf(assignment, account) !== target.name);
  if (begun === undefined) return;
  throw new Error(
    `${begun} has begun in ${target.name}, and would be left behind: deploy the new DATABASES again, --finish, and move the slots back.`,
  );
}

/** One seek for each account, whatever it has. */
async function accountsIn(store: Store): Promise<Set<string>> {
  const accounts = new Set<string>();
  for (const { name } of MOVED_TABLES) {
    // Qualified: a table has a column of its own by nearly any name.
    const next = `SELECT min(${name}.account_id) FROM ${name} WHERE ${name}.account_id >`;
    const sql = `WITH RECURSIVE one (found) AS (${next} ? UNION ALL SELECT (${next} one.found) FROM one WHERE one.found IS NOT NULL)
      SELECT one.found FROM one WHERE one.found IS NOT NULL LIMIT 1000`;
    for (let last: string | undefined = ''; last !== undefined; ) {
      const page: string[] = (await query(store, sql, last)).map((row) => String(row['found']));
      for (const account of page) accounts.add(account);
      last = page.at(-1);
    }
  }
  return accounts;
}

/** @throws {Error} if other slots leave the database already. */
export async function refuseNewcomers(store: Store, slots: Slots, target: Store): Promise<void> {
  const sql = "INSERT INTO account_move (account_id, state, other) VALUES (?, 'leaving', ?) ON CONFLICT DO NOTHING";
  await query(store, sql, NEWCOMERS, noteOf(slots, target));
  const [row] = await query(store, 'SELECT other FROM account_move WHERE account_id = ?', NEWCOMERS);
  if (row?.['other'] === noteOf(slots, target)) return;
  throw new Error(`The slots ${row?.['other']} are leaving ${store.name}: end that move first.`);
}

export const admitNewcomers = (store: Store, slots: Slots, target: Store) =>
  query(store, 'DELETE FROM account_move WHERE account_id = ? AND other = ?', NEWCOMERS, noteOf(slots, target));

/** The databases that have some of the slots by DATABASES, but for the one they move to. */
export const sourcesOf = (stores: readonly Store[], target: Store, { first, last }: Slots, { slots }: Assignment) =>
  stores.filter((store) => store !== target && slots.slice(first, last + 1).includes(store.name));

/** @throws {Error} if the account has rows in a third database: then DATABASES is not what is deployed. */
export async function refuseThird(stores: readonly Store[], { account, source, target }: Move): Promise<void> {
  for (const store of stores) {
    if (store === source || store === target) continue;
    for (const table of MOVED_TABLES) {
      if ((await countOf(store, table, account)) > 0) throw new Error(`${account} has rows in ${store.name} too.`);
    }
  }
}

/** Where the account is by DATABASES: what must be so for a move to end this way. */
export function requireHome(assignment: Assignment, { account, source, target }: Move, end: 'finish' | 'undo'): void {
  const home = bindingOf(assignment, account);
  const wanted = end === 'finish' ? target.name : source.name;
  if (home === wanted) return;
  throw new Error(`DATABASES has ${account} in ${home}: deploy it with ${wanted} first, and then --${end}.`);
}
