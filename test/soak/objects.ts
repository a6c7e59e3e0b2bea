/**
 * Moves accounts from D1 into their Durable Objects while callers write. Some requests go to an old
 * version of the Worker, which still looks for moved accounts in D1.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Findings } from './findings.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import { ACCOUNTS } from './tokens.ts';

const FIRST_COUNT = ACCOUNTS.length / 3;
export const MOVES_COUNT = ACCOUNTS.length - FIRST_COUNT;
const OLD_VERSION_SHARE = 0.1;
/** The time limit for a move. A killed object continues after 10 s (src/db/arrival.ts). */
const CLEANED_MAX_MS = 40_000;
const CLEANED_EVERY_MS = 500;

export type Objects = {
  readonly accounts: () => readonly string[];
  /** Returns the setting ACCOUNT_OBJECTS of a random version of the Worker. */
  readonly pickAccountObjects: () => string;
  /** Adds one account to ACCOUNT_OBJECTS, so that the account moves. */
  readonly moveNextAccount: () => void;
};

export function createObjects(random: Random): Objects {
  let count = FIRST_COUNT;
  const accounts = () => ACCOUNTS.slice(0, count);
  return {
    accounts,
    pickAccountObjects: () =>
      (random.chance(OLD_VERSION_SHARE) ? ACCOUNTS.slice(0, FIRST_COUNT) : accounts()).join(' '),
    moveNextAccount: () => {
      count += 1;
    },
  };
}

/** Waits until D1 has no row of a moved account. Adds a violation after CLEANED_MAX_MS. */
export async function auditD1(server: Server, objects: Objects, findings: Findings): Promise<void> {
  const deadline = Date.now() + CLEANED_MAX_MS;
  for (;;) {
    const rows = await server.countInD1(objects.accounts());
    if (rows === 0) return;
    if (Date.now() > deadline)
      return findings.violate('D1', `${rows} rows are left of accounts that live in objects`);
    await pause(CLEANED_EVERY_MS);
  }
}
