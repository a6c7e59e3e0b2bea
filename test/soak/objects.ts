/**
 * Decides which accounts live in a Durable Object of their own (src/db/account-object.ts), and not
 * in D1. A third of the accounts do so from the start. The others move from D1 into their objects
 * one after another, while callers write.
 *
 * A tenth of the requests goes to an old version of the Worker, which has the setting of the start.
 * The old version still looks for every account that has moved since then in D1.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Findings } from './findings.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import { ACCOUNTS } from './tokens.ts';

const FIRST_COUNT = ACCOUNTS.length / 3;
/** The number of accounts that move during the soak. */
export const MOVES_COUNT = ACCOUNTS.length - FIRST_COUNT;
/** The share of requests that the old version of the Worker serves. */
const OLD_VERSION = 0.1;
/**
 * Within this time, objects must have deleted all rows of the moved accounts from D1. An object
 * that is killed, or meets a fault of D1, meanwhile resumes after 10 s (src/db/arrival.ts).
 */
const CLEANED_MAX_MS = 40_000;
const CLEANED_EVERY_MS = 500;

export type Objects = {
  readonly accounts: () => readonly string[];
  /**
   * Picks the version of the Worker that serves a request, and returns its setting ACCOUNT_OBJECTS.
   */
  readonly pickAccountObjects: () => string;
  /**
   * Adds the next account to the new version's ACCOUNT_OBJECTS. The account moves with its first
   * request to this version. Does nothing if all accounts have moved.
   */
  readonly moveNextAccount: () => void;
};

export function createObjects(random: Random): Objects {
  let count = FIRST_COUNT;
  const accounts = () => ACCOUNTS.slice(0, count);
  return {
    accounts,
    pickAccountObjects: () =>
      (random.chance(OLD_VERSION) ? ACCOUNTS.slice(0, FIRST_COUNT) : accounts()).join(' '),
    moveNextAccount: () => {
      count += 1;
    },
  };
}

/** Waits until D1 has no row of an account that lives in an object, or adds a violation. */
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
