/**
 * The account moves from database to database while it is called: each leg is begun by a program that is killed in some
 * step and then repeated, the new setting is deployed beside the old version, and the leg is finished, or undone, in the
 * same way. In turn each step is the one in which the program is killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { countOf, MOVED_TABLES } from '../../src/cli/move-tables.ts';
import { REQUEST_MAX_MS, SIDE_BY_SIDE_MS } from './faults.ts';
import type { Findings } from './findings.ts';
import { BINDINGS, storeAt } from './stores.ts';
import { ACCOUNT } from './tokens.ts';

/** What is killed in a leg: when it begins, and when it ends. */
const LEGS = [
  { begin: 'fence', end: ['finish', 'compare'] },
  { begin: 'copy', end: ['undo', 'compare'] },
  { begin: 'verify', end: ['finish', 'delete'] },
  { begin: 'copy', end: ['undo', 'delete'] },
  { begin: 'fence', end: ['undo', 'open'] },
] as const;

export type Moves = { legs: number; finished: number; undone: number; readonly killed: Map<string, number> };

const MOVER = fileURLToPath(new URL('mover.ts', import.meta.url));

export function createMover(url: URL, findings: Findings) {
  const moves: Moves = { legs: 0, finished: 0, undone: 0, killed: new Map() };
  let home = 0;

  async function run(act: string, from: string, to: string, killedIn?: string): Promise<void> {
    const args = [MOVER, url.href, act, ACCOUNT, from, to, ...(killedIn === undefined ? [] : [killedIn])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk) => (complaint += chunk));
    const [code, signal] = await once(child, 'close');
    if (signal === 'SIGKILL') {
      const step = `${act} in ${killedIn}`;
      moves.killed.set(step, (moves.killed.get(step) ?? 0) + 1);
      return run(act, from, to);
    }
    if (code !== 0) throw new Error(`${act} of a move from ${from} to ${to} failed: ${complaint}`);
  }

  const deploy = async (binding: string) => {
    const response = await fetch(new URL('/soak/deploy', url), {
      method: 'POST',
      body: `${ACCOUNT}=${binding} 0-1023=DB`,
    });
    await response.body?.cancel();
    // As an operator does before --finish: a request of the old version would find nothing after it.
    await pause(SIDE_BY_SIDE_MS + REQUEST_MAX_MS);
  };

  async function leg({ begin, end: [end, killedIn] }: (typeof LEGS)[number]): Promise<void> {
    const [from = '', to = ''] = [BINDINGS[home], BINDINGS[(home + 1) % BINDINGS.length]];
    await run('start', from, to, begin);
    if (end === 'finish') {
      await deploy(to);
      home = (home + 1) % BINDINGS.length;
      moves.finished += 1;
    } else moves.undone += 1;
    await run(end, from, to, killedIn);
    moves.legs += 1;
  }

  /** Goes on until the time is over, and at least once through all steps. */
  async function moveToAndFro(isOver: () => boolean): Promise<Moves> {
    for (let n = 0; n < LEGS.length || !isOver(); n += 1) {
      const next = LEGS[n % LEGS.length];
      if (next) await leg(next);
      await pause(300);
    }
    for (const [at, name] of BINDINGS.entries()) {
      const rows = await Promise.all(MOVED_TABLES.map((table) => countOf(storeAt(url, name), table, ACCOUNT)));
      const count = rows.reduce((sum, some) => sum + some, 0);
      if (at !== home && count > 0)
        findings.violate('move', `${count} rows are left in ${name}, and the account is elsewhere`);
    }
    return moves;
  }

  return { deploy, moveToAndFro };
}
