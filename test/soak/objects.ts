/**
 * Decides which accounts live in a Durable Object of their own (src/db/account-object.ts). The
 * other accounts live in D1. At the start, a third of the accounts live in objects. The rest move
 * from D1 into their objects one after another, while callers write.
 *
 * The setting ACCOUNT_OBJECTS names the accounts that live in objects. Two versions of the Worker
 * run at the same time:
 * - The old version serves a tenth of the requests. Its setting never changes. So if an account has
 *   moved since the start, the old version still looks for the account in D1.
 * - The new version serves all other requests. When an account starts to move, the setting of the
 *   new version names this account too.
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
const OLD_VERSION_SHARE = 0.1;
/**
 * When an account has moved, its object deletes the account's rows in D1. The audit waits at most
 * this long until all these rows are deleted. If a kill or a fault of D1 interrupts the deletion,
 * the object resumes the deletion after 10 s (src/db/arrival.ts).
 */
const CLEANED_MAX_MS = 40_000;
const CLEANED_EVERY_MS = 500;

export type Objects = {
  readonly accounts: () => readonly string[];
  /**
   * Picks a version of the Worker for a request: the old or the new one. Returns the setting
   * ACCOUNT_OBJECTS of this version.
   */
  readonly pickAccountObjects: () => string;
  /**
   * Adds the next account to the setting ACCOUNT_OBJECTS of the new version. The account starts to
   * move when a caller of this account sends a request to the new version. If ACCOUNT_OBJECTS
   * already names all accounts, does nothing.
   */
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

/**
 * Waits until D1 has no row of an account that lives in an object. If D1 still has a row of one of
 * these accounts after CLEANED_MAX_MS, adds a violation to `findings`.
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
