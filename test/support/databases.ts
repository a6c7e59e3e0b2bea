/** Several databases, for the tests that are about them. */
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';
import { slotOf } from '../../src/db/databases.ts';

type Spare = { readonly [name in 'EMPTY_DB' | `SPARE_${1 | 2 | 3}`]: D1Database };

/** Bound as DB_1 and so on only where a test does that. The spares are empty until `migrateSpares`. */
export const { EMPTY_DB, SPARE_1, SPARE_2, SPARE_3 } = env as typeof env & Spare;

export async function migrateSpares(): Promise<void> {
  for (const db of [SPARE_1, SPARE_2, SPARE_3]) await applyD1Migrations(db, inject('migrations'));
}

/** An account that nobody else knows, in one of these slots. */
export function accountIn(first: number, last: number): string {
  for (;;) {
    const account = `acc_${crypto.randomUUID()}`;
    const slot = slotOf(account);
    if (first <= slot && slot <= last) return account;
  }
}
