/** `npm run move-account`: moves an account, or what is in some slots, to another database. The steps are in move.ts. */
import { type Assignment, bindingOf } from '../db/databases.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import { assign, parseSlots, type Slots, settingOf } from './assignment.ts';
import { type Databases, openDatabases, PLACE_OPTIONS, readAssignment, storeOf } from './d1-bindings.ts';
import { finishMove, startMove, undoMove } from './move.ts';
import {
  admitNewcomers,
  movesOfSlots,
  refuseBegun,
  refuseNewcomers,
  refuseThird,
  requireHome,
  sourceOf,
  sourcesOf,
} from './move-slots.ts';
import type { Move } from './move-state.ts';
import { FLAG, program } from './program.ts';
import { createProgress } from './progress.ts';
import { requireSameLabels } from './shared-labels.ts';

const HELP = `Moves an account to another D1 database. Its writes get 503 from now until DATABASES is deployed; reads go on.

  npm run move-account -- --account ID --to BINDING [options]
  npm run move-account -- --slots FIRST-LAST --to BINDING [options]

  --finish     deletes the rows in the old database, once the new DATABASES is deployed
  --undo       gives the move up: before that deployment, or after the old DATABASES is deployed again
  --remote     the real databases and not the local ones; stop npm start before you move local ones
  --env NAME   of the environment in wrangler.toml; production if left out
  --help       this text

Stopped at any point, repeat the same command, or --undo.`;

type Job = { readonly what: string | Slots; readonly to: string; readonly end: 'start' | 'finish' | 'undo' };

async function run({ what, to, end }: Job, databases: Databases, assignment: Assignment): Promise<void> {
  const { stores } = databases;
  const target = storeOf(databases, to);
  const progress = createProgress();
  const perform = async (move: Move) => {
    progress.about(`${move.account}: ${move.source.name} to ${to}`);
    if (end === 'start') {
      await refuseThird(stores, move);
      const counts = await startMove(move, progress);
      if (counts === 'was verified before') progress.say('was copied and verified before');
      else for (const { table, rows, sha256 } of counts) progress.say(`${table}: ${rows} rows, SHA-256 ${sha256}`);
      return;
    }
    requireHome(assignment, move, end);
    await (end === 'finish' ? finishMove : undoMove)(move, progress);
    progress.say(end === 'finish' ? 'finished' : 'undone');
  };

  if (typeof what === 'string') {
    const move = { account: what, source: await sourceOf(stores, what, target, bindingOf(assignment, what)), target };
    if (end === 'start') await requireSameLabels(move.source, [target]);
    await perform(move);
  } else {
    const sources = sourcesOf(stores, target, what, assignment);
    if (end === 'start') {
      for (const source of sources) {
        await requireSameLabels(source, [target]);
        await refuseNewcomers(source, what, target);
      }
    }
    if (end === 'finish' && sources.length > 0) throw new Error(`Deploy the new DATABASES first: ${next(what, to)}`);
    const moves = await movesOfSlots(stores, target, what, assignment);
    if (end === 'undo') await refuseBegun(target, what, assignment, moves);
    for (const move of moves) await perform(move);
    if (end !== 'start') for (const store of stores) await admitNewcomers(store, what, target);
  }
  if (end === 'start')
    console.log(`\nDeploy this, in [vars] of wrangler.toml, and then --finish:\n\n${next(what, to)}`);

  function next(moved: string | Slots, binding: string): string {
    return `DATABASES = ${JSON.stringify(settingOf(assign(assignment, moved, binding)))}`;
  }
}

const OPTIONS = {
  account: { type: 'string' },
  slots: { type: 'string' },
  to: { type: 'string' },
  finish: FLAG,
  undo: FLAG,
  ...PLACE_OPTIONS,
} as const;

await program(HELP, OPTIONS, async ({ account, slots, to, finish, undo, ...place }) => {
  if ((account === undefined) === (slots === undefined) || to === undefined || (finish && undo)) throw new Error(HELP);
  if (account === '') throw new Error('--account is empty: nothing was moved.');
  if (account === SHARED_ACCOUNT) throw new Error(`${SHARED_ACCOUNT} is not moved: its labels are in every database.`);
  const what = account ?? parseSlots(slots ?? '');
  const databases = await openDatabases(place);
  try {
    await run({ what, to, end: finish ? 'finish' : undo ? 'undo' : 'start' }, databases, readAssignment(place));
  } finally {
    await databases.close();
  }
});
