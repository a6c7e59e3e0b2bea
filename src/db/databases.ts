/**
 * In which database an account lives: the setting DATABASES names an account, or a range of slots into which a hash spreads
 * all others. Without the setting all are in DB. The trade: an account is never in two databases, so one that is moved has
 * its writes refused meanwhile (src/cli/move-account.ts). A wrong setting fails closed.
 */
import { misconfigured } from '../failure.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import { type Variables, words } from '../variables.ts';

export type Database = {
  /** Its binding. */
  readonly name: string;
  readonly db: D1Database;
};

export type Databases = {
  /** Where the account lives. */
  readonly of: (account: string) => Database;
  readonly all: readonly Database[];
};

/** Which binding has which slot, and which account by name. */
export type Assignment = { readonly slots: readonly string[]; readonly accounts: ReadonlyMap<string, string> };

/** Never another number: a slot's accounts are where they are. */
export const SLOTS = 1024;

/** It always exists, and has what is no single account's: the account of the shared labels. */
export const MAIN_DATABASE = 'DB';

/** As many calls as Workers allows a request at a time (Workers: Limits, simultaneous open connections). */
const CALLS_AT_A_TIME = 6;

const utf8 = new TextEncoder();

/**
 * FNV-1a with 32 bits over the account in UTF-8, then the finaliser of MurmurHash3, because the low bits of FNV-1a alone are
 * not even; of that the low ten bits. It can never change: an account would be looked for where it is not.
 */
export function slotOf(account: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(account)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

/** The binding of an account. */
export function bindingOf({ slots, accounts }: Assignment, account: string): string {
  if (account === SHARED_ACCOUNT) return MAIN_DATABASE;
  return accounts.get(account) ?? slots[slotOf(account)] ?? MAIN_DATABASE;
}

/**
 * The setting: `<slot>-<slot>=<binding>` or `<account>=<binding>`, separated by white space. An account is written as in a
 * URL (encodeURIComponent) where it has white space, `%` or `=` in it, or looks like a range of slots.
 * @throws {Failure} `misconfigured`, without a word of the setting, which may have been meant for another one.
 */
export function parseDatabases(setting: string | undefined, bound: readonly string[]): Assignment {
  const wrong = (fault: string) => misconfigured('DATABASES', fault);
  if (!bound.includes(MAIN_DATABASE)) throw wrong('needs a D1 binding DB');
  const slots: string[] = Array(SLOTS).fill('');
  const accounts = new Map<string, string>();

  const entries = words(setting);
  if (entries.length === 0) slots.fill(MAIN_DATABASE);
  entries.forEach((entry, index) => {
    const [name = '', binding = '', ...rest] = entry.split('=');
    const [, first, last] = /^(\d+)-(\d+)$/.exec(name) ?? [];
    const [from, to] = [Number(first), Number(last)];
    const account = first === undefined ? decode(name) : undefined;
    const isRange = from <= to && to < SLOTS;
    const isKnown = bound.includes(binding) && rest.length === 0;
    if (!isKnown || !(account || isRange) || account === SHARED_ACCOUNT) {
      throw wrong(`needs entries like 0-1023=DB or acc_1=DB_1 with bindings that exist, and entry ${index + 1} is not`);
    }
    const taken = account ? accounts.has(account) : slots.slice(from, to + 1).some((slot) => slot !== '');
    if (taken) throw wrong(`has an account or a slot twice, in entry ${index + 1}`);
    if (account) accounts.set(account, binding);
    else slots.fill(binding, from, to + 1);
  });
  const missing = slots.indexOf('');
  if (missing >= 0) throw wrong(`names no database for slot ${missing}`);
  return { slots, accounts };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A binding to another Worker has every method that it is asked for, so also `fetch`. */
const isDatabase = (binding: unknown): binding is D1Database =>
  typeof binding === 'object' && binding !== null && 'withSession' in binding && !('fetch' in binding);

/** Whether a binding to D1 of that name is one of ours. */
export const isOurs = (name: string) => /^DB(?:_\w+)?$/.test(name);

/** `DB` and each `DB_…` that is bound, whether it has accounts or not. */
export const boundDatabases = (env: object): Database[] =>
  Object.entries(env).flatMap(([name, db]) => (isOurs(name) && isDatabase(db) ? [{ name, db }] : []));

/**
 * Read at the first call and kept, as all settings are.
 * @throws {Failure} `misconfigured`, at each call.
 */
export function databasesOf(env: Variables): () => Databases {
  let databases: Databases | undefined;
  return () => (databases ??= read());

  function read(): Databases {
    const all = boundDatabases(env);
    const byName = new Map(all.map((database) => [database.name, database]));
    const assignment = parseDatabases(env.DATABASES, [...byName.keys()]);
    return {
      all,
      of: (account) => {
        const database = byName.get(bindingOf(assignment, account));
        if (database === undefined) throw new Error('an assignment names only databases that are bound');
        return database;
      },
    };
  }
}

/** Calls it for each database, some at a time, and returns the results in the order of the databases. */
export async function forEachDatabase<T extends object, R>(databases: readonly T[], call: (one: T) => Promise<R>) {
  const results: R[] = [];
  // One queue for all, so that a database that does not answer holds up one call and not those of the others.
  const queue = databases.entries();
  const work = async () => {
    for (const [at, one] of queue) results[at] = await call(one);
  };
  await Promise.all(Array.from({ length: CALLS_AT_A_TIME }, work));
  return results;
}
