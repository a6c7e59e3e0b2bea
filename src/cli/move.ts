/**
 * The move of one account from one database to another, in steps that may each be stopped and repeated. What stands in
 * `account_move` of both databases (drizzle/0001_create_triggers.sql) is all that is remembered: there the triggers read it,
 * so that no Worker of any version writes what a move would lose. Which database serves the account is not decided here.
 */
import { type Count, Difference, requireEqual, requireKept } from './move-compare.ts';
import { changeState, type Move, setState, stateIn } from './move-state.ts';
import { countOf, deleteRows, insertsOf, lastKeyIn, MOVED_TABLES, pagesOf, query, type Store } from './move-tables.ts';

/** Hears of each step as it begins, and of the rows that it has dealt with. */
export type Progress = { readonly step: (name: string, rows: number) => void; readonly done: (rows: number) => void };

async function rowsOf(store: Store, account: string): Promise<number> {
  const counts = await Promise.all(MOVED_TABLES.map((table) => countOf(store, table, account)));
  return counts.reduce((sum, rows) => sum + rows, 0);
}

/**
 * Fences the account in both, copies it, and verifies the copy: after that the target takes writes, and the source none.
 * @throws {Error} saying what to do; whatever was done stays, for a repetition.
 */
export async function startMove(move: Move, progress: Progress): Promise<Count[] | 'was verified before'> {
  const { account, source, target } = move;
  const [here, there] = [await stateIn(source, move), await stateIn(target, move)];
  if (there === 'undoing' || there === 'discarding') throw new Error(`${account} was being undone: repeat --undo.`);
  if (there === 'leaving') throw new Error(`${account} is leaving ${target.name}: end that move with --finish first.`);
  if ((here === 'leaving' || here === 'finishing') && there === undefined) return 'was verified before';
  if (here !== 'leaving' && here !== undefined) {
    throw new Error(
      `${account} is not in ${source.name}, where DATABASES has it: it has moved away or is on its way here.`,
    );
  }

  if (there !== 'arriving') {
    const empty = MOVED_TABLES.map(({ name }) => `NOT EXISTS (SELECT 1 FROM ${name} WHERE account_id = ?1)`);
    const arrive = `INSERT INTO account_move (account_id, state, other) SELECT ?1, 'arriving', ?2 WHERE ${empty.join(' AND ')}
      ON CONFLICT DO UPDATE SET state = 'arriving', other = excluded.other, since = excluded.since WHERE state = 'moved' RETURNING 1`;
    if ((await query(target, arrive, account, source.name)).length === 0) {
      throw new Error(`${target.name} has rows of ${account} already: nothing was changed.`);
    }
  }
  const [arrival] = await query(target, 'SELECT since FROM account_move WHERE account_id = ?', account);
  progress.step('fence', 0);
  const leave = "INSERT INTO account_move (account_id, state, other) VALUES (?, 'leaving', ?) ON CONFLICT DO NOTHING";
  await query(source, leave, account, target.name);

  progress.step('copy', await rowsOf(source, account));
  // A Worker that is sent here too early must not write between two batches: the fence is open within each of them alone.
  const [open, close] = [changeState(account, 'arriving', 'copying'), changeState(account, 'copying', 'arriving')];
  for (const table of MOVED_TABLES) {
    const last = await lastKeyIn(target, table, account);
    if (last) progress.done(await countOf(target, table, account));
    for await (const page of pagesOf(source, table, account, last)) {
      for (const inserts of insertsOf(table, page)) await target.batch([open, ...inserts, close]);
      progress.done(page.length);
    }
  }
  progress.step('verify', 0);
  const counts = await requireEqual(source, target, account).catch((thrown: unknown) => {
    throw thrown instanceof Difference ? new Error(`${thrown.message}: --undo, and move it again.`) : thrown;
  });
  // Only the arrival that was verified: another program may have undone it and begun anew.
  const serve = "DELETE FROM account_move WHERE account_id = ? AND state = 'arriving' AND since = ? RETURNING 1";
  if ((await query(target, serve, account, arrival?.['since'] ?? null)).length === 0)
    throw new Error(`${account} was undone meanwhile.`);
  return counts;
}

/**
 * Deletes the source's rows, once the target serves the account. A fence stays in the source, for a Worker that does not
 * know yet.
 * @throws {Error} if anything of the source is not in the target; then nothing is deleted.
 */
export async function finishMove(move: Move, progress: Progress): Promise<void> {
  const { account, source, target } = move;
  const here = await stateIn(source, move);
  if (here === 'moved') return;
  if (here === 'leaving') await setState(source, account, 'leaving', 'finishing');
  // Said first and looked at after: as --undo does the same, they cannot both go on.
  if ((here !== 'leaving' && here !== 'finishing') || (await stateIn(target, move)) !== undefined) {
    if (here === 'leaving') await setState(source, account, 'finishing', 'leaving');
    throw new Error(`${account} has not been copied from ${source.name} to ${target.name}: move it first.`);
  }
  const rows = await rowsOf(source, account);
  progress.step('compare', rows);
  await requireKept(source, target, account, progress.done).catch(async (thrown: unknown) => {
    // Nothing is deleted yet: the move can still be undone.
    if (here === 'leaving') await setState(source, account, 'finishing', 'leaving');
    throw thrown;
  });
  progress.step('delete', rows);
  for (const table of MOVED_TABLES) await deleteRows(source, table, account, progress.done);
  await setState(source, account, 'finishing', 'moved');
}

/**
 * Deletes the copy, and lets the source take writes again. A fence stays in the target, as after a move away from it.
 * @throws {Error} if the target was written since: then the move can only be finished.
 */
export async function undoMove(move: Move, progress: Progress): Promise<void> {
  const { account, source, target } = move;
  const there = await stateIn(target, move);
  if (there === 'arriving') await setState(target, account, 'arriving', 'discarding');
  if (there === undefined && (await stateIn(source, move)) === 'leaving') {
    const fence = "INSERT INTO account_move (account_id, state, other) VALUES (?, 'undoing', ?) ON CONFLICT DO NOTHING";
    await query(target, fence, account, source.name);
  }
  const [here, now] = [await stateIn(source, move), await stateIn(target, move)];
  if (now === 'undoing') {
    progress.step('compare', 0);
    const refusal = here === 'leaving' ? await differenceOf(move) : 'a --finish was begun';
    if (refusal !== undefined) {
      await query(target, "DELETE FROM account_move WHERE account_id = ? AND state = 'undoing'", account);
      throw new Error(`${account} cannot be undone, because ${refusal}: --finish it, and move it back.`);
    }
    await setState(target, account, 'undoing', 'discarding');
  } else if (now !== 'discarding' && now !== 'moved') {
    throw new Error(`There is no move of ${account} from ${source.name} to ${target.name} to undo.`);
  }
  if (now !== 'moved') {
    progress.step('delete', await rowsOf(target, account));
    for (const table of MOVED_TABLES) await deleteRows(target, table, account, progress.done);
    await setState(target, account, 'discarding', 'moved');
  }
  progress.step('open', 0);
  await query(source, "DELETE FROM account_move WHERE account_id = ? AND state = 'leaving'", account);
}

const differenceOf = ({ source, target, account }: Move) =>
  requireEqual(source, target, account).then(
    () => undefined,
    (thrown: unknown) => {
      if (thrown instanceof Difference) return thrown.message;
      throw thrown;
    },
  );
