/**
 * Decides which accounts live in objects: a third from the start, and then one after another, each
 * brought over under load. Meanwhile some requests meet the version of the Worker from the start,
 * which still uses D1.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Findings } from './findings.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import { ACCOUNTS } from './tokens.ts';

const FIRST = ACCOUNTS.length / 3;
/** The number of accounts to bring over. */
export const LATER = ACCOUNTS.length - FIRST;
/** The share of the requests that meet the old version. */
const OLD_VERSION = 0.1;
/**
 * The time is longer than the wait of an object that was killed, or met a fault, while it deleted
 * rows in D1.
 */
const CLEANED_MAX_MS = 40_000;
const CLEANED_EVERY_MS = 500;

export type Objects = {
  readonly accounts: () => readonly string[];
  /** Draws the version that answers a request: its ACCOUNT_OBJECTS. */
  readonly drawSetting: () => string;
  /** Lets the next request of the new version bring one more account over, if any is left. */
  readonly bringOver: () => void;
};

export function createObjects(random: Random): Objects {
  let count = FIRST;
  const accounts = () => ACCOUNTS.slice(0, count);
  return {
    accounts,
    drawSetting: () =>
      (random.chance(OLD_VERSION) ? ACCOUNTS.slice(0, FIRST) : accounts()).join(' '),
    bringOver: () => {
      count += 1;
    },
  };
}

/** Waits until D1 has no row of an account that lives in an object. */
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
