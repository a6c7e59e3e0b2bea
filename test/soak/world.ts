/** Defines the state that all concurrent loops of the soak share. */
import { randomUUID } from 'node:crypto';
import type { Caller } from './caller.ts';
import type { Findings } from './findings.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import type { Label } from './server.ts';
import { ACCOUNTS, AUTHORS, type Tokens } from './tokens.ts';

export type Run = {
  readonly id: string;
  readonly account: string;
  readonly ledgers: Map<string, Ledger>;
  /** The next page to read. `after` is the last position on the previous page, or empty. */
  next: { readonly path: string; readonly after: string };
};

export type World = {
  readonly caller: Pick<Caller, 'call'>;
  readonly findings: Findings;
  readonly random: Random;
  readonly tokens: Tokens;
  readonly label: Label;
  readonly runs: readonly Run[];
  /**
   * Evaluations that all callers share, oldest first. Callers prefer the oldest, so that they often
   * write to the same evaluation.
   */
  readonly existing: Ledger[];
  /** Returns a new number each time, so that a stored value identifies its request. */
  readonly nextValue: () => number;
};

const RUNS_PER_ACCOUNT = 2;
const HOT_COUNT = 8;

export function createWorld(given: Omit<World, 'runs' | 'existing' | 'nextValue'>): World {
  let value = 0;
  const runs = Array.from({ length: ACCOUNTS.length * RUNS_PER_ACCOUNT }, (_, index) => {
    const [id, account] = [randomUUID(), ACCOUNTS[index % ACCOUNTS.length] ?? ''];
    return { id, account, ledgers: new Map(), next: { path: buildListPath(id), after: '' } };
  });
  return { ...given, runs, existing: [], nextValue: () => ++value };
}

const PAGE_ROWS = 20;
export const buildListPath = (runId: string) => `/v1/run/${runId}/evaluations?limit=${PAGE_ROWS}`;
export const buildPath = ({ run_id, id }: Pick<Ledger, 'run_id' | 'id'>) =>
  `/v1/run/${run_id}/evaluation/${id}`;

export const pickAuthor = ({ random }: World): string => random.pick(AUTHORS);

export const pickLedger = ({ random, existing }: World): Ledger =>
  random.pick(random.chance(0.5) ? existing.slice(0, HOT_COUNT) : existing);

export async function buildHeaders(
  { tokens }: World,
  author: string,
  account: string,
): Promise<Record<string, string>> {
  const authorization = `Bearer ${await tokens.getToken(author, account)}`;
  return { authorization, 'content-type': 'application/json' };
}
