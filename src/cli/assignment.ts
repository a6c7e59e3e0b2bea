/** The setting DATABASES as text: what a program tells an operator to deploy. */
import { type Assignment, MAIN_DATABASE, SLOTS } from '../db/databases.ts';

export type Slots = { readonly first: number; readonly last: number };

/** @throws {Error} if it is not a range such as 512-767. */
export function parseSlots(text: string): Slots {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (first <= last && last < SLOTS) return { first, last };
  throw new Error(`--slots ${text} is not a range within 0-${SLOTS - 1}, such as 512-767.`);
}

/** With the account, or the slots, in another database. */
export function assign({ slots, accounts }: Assignment, what: string | Slots, binding: string): Assignment {
  if (typeof what === 'string') return { slots, accounts: new Map([...accounts, [what, binding]]) };
  return { accounts, slots: slots.map((old, slot) => (what.first <= slot && slot <= what.last ? binding : old)) };
}

/** One entry a named account, and one for each run of slots. */
export function settingOf({ slots, accounts }: Assignment): string {
  const entries = [...accounts].map(([account, binding]) => `${encode(account)}=${binding}`);
  for (let first = 0; first < SLOTS; ) {
    const binding = slots[first] ?? MAIN_DATABASE;
    const end = slots.findIndex((other, slot) => slot > first && other !== binding);
    const next = end < 0 ? SLOTS : end;
    entries.push(`${first}-${next - 1}=${binding}`);
    first = next;
  }
  return entries.join(' ');
}

const encode = (account: string) => {
  // Also control characters, which TOML does not allow in a string.
  const encoded = account.replaceAll(/[\s%=\p{Cc}]/gu, encodeURIComponent);
  return /^\d+-\d+$/.test(encoded) ? encoded.replace('-', '%2D') : encoded;
};
