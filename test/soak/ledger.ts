/**
 * Records what callers sent and received for one evaluation, for the audit (audit.ts). Each update
 * sends a different value, so a stored value identifies its update.
 */
import type { RunEvaluation } from '../../src/evaluation/read.ts';

/** A value with its author and time. The first version has the creator and the time of creation. */
export type Version = { readonly value: number; readonly by: string | null; readonly at: string };

export const readVersion = ({
  value,
  created_by,
  created_at,
  updated_by,
  updated_at,
}: RunEvaluation): Version =>
  updated_at === undefined
    ? { value, by: created_by, at: created_at }
    : { value, by: updated_by, at: updated_at };

export type Sent = {
  readonly author: string;
  /** True if the update has an Idempotency-Key. */
  readonly hasKey: boolean;
  /** True until the caller has a response to the update. */
  isUnderWay: boolean;
  /** The number of tries that got 503 or lost their connection. */
  uncertain: number;
  /** The `updated_at` of each successful response to the update. */
  readonly acknowledged: Set<string>;
};

export type Ledger = {
  readonly id: string;
  readonly run_id: string;
  readonly account: string;
  readonly created: { readonly value: number; readonly author: string };
  /** Undefined until the Worker acknowledges the creation. */
  created_at: string | undefined;
  /** Maps each value to the update that sent it. */
  readonly sent: Map<number, Sent>;
  readonly shown: Version[];
  /** Maps the `updated_at` of each conditional update to the version in its If-Match. */
  readonly replaced: Map<string, string>;
  /** The time of the latest version that a create, update or get returned. */
  latest: string;
  /** The `x-d1-bookmark` of the response with the latest version. */
  bookmark: string | undefined;
  /** If `sent`, the Worker may or may not have deleted the evaluation. */
  deletion: 'none' | 'sent' | 'acknowledged';
  /** True if a deleted evaluation had this id before. */
  readonly isRecreated: boolean;
};

export const openLedger = (
  run: { readonly id: string; readonly account: string },
  id: string,
  created: Ledger['created'],
  isRecreated: boolean,
): Ledger => ({
  id,
  run_id: run.id,
  account: run.account,
  created,
  created_at: undefined,
  sent: new Map(),
  shown: [],
  replaced: new Map(),
  latest: '',
  bookmark: undefined,
  deletion: 'none',
  isRecreated,
});

/** Records a version that a response showed. */
export function advance(ledger: Ledger, version: Version, bookmark: unknown): void {
  ledger.shown.push(version);
  if (version.at < ledger.latest) return;
  ledger.latest = version.at;
  if (typeof bookmark === 'string') ledger.bookmark = bookmark;
}
