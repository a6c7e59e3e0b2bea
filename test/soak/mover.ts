/**
 * One run of a program that moves the account, as a process of its own, which kills itself as nobody can refuse, shortly
 * after a step has begun: `node mover.ts <url> <start|finish|undo> <account> <from> <to> [<step>]`.
 */
import { finishMove, startMove, undoMove } from '../../src/cli/move.ts';
import { storeAt } from './stores.ts';

const ACTS = { start: startMove, finish: finishMove, undo: undoMove };
const DELAY_MAX_MS = 25;

const [, , url = '', act = '', account = '', from = '', to = '', killedIn] = process.argv;
const move = { account, source: storeAt(url, from), target: storeAt(url, to) };
const step = (name: string) => {
  if (name === killedIn) setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * DELAY_MAX_MS);
};
if (act !== 'start' && act !== 'finish' && act !== 'undo') throw new Error(`There is no ${act}.`);
await ACTS[act](move, { step, done: () => {} });
