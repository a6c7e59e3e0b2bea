/**
 * Decides which accounts live in a Durable Object of their own (src/db/account-object.ts), and not
 * in D1. A third of the accounts do so from the start. The others move from D1 into their objects
 * one after another, while callers write.
 *
 * The setting ACCOUNT_OBJECTS names the accounts that live in objects. A tenth of the requests goes
 * to an old version of the Worker, whose setting never changes. If an account has moved since the
 * start, the old version still looks for it in D1. All other requests go to the new version, whose
 * setting also names the accounts that move.
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
 * The audit waits at most this long until the objects have deleted all rows of the moved accounts
 * from D1. If a kill or a fault of D1 stops an object, the object resumes the deletion after 10 s
 * (src/db/arrival.ts).
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
   * Adds the next account to the ACCOUNT_OBJECTS of the new version. When the new version receives
   * a request of this account, the account starts to move. If ACCOUNT_OBJECTS already names all
   * accounts, does nothing.
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

/**
 * Waits until D1 has no row of an account that lives in an object. If D1 still has such rows after
 * CLEANED_MAX_MS, adds a violation to `findings`.
 */
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
