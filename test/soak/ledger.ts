/**
 * A ledger records what the callers know about one evaluation: the values that they sent, the
 * updates that the Worker acknowledged, and the versions that responses showed. Later the audit
 * compares the stored row and its history with the ledger (audit.ts). No two updates of the soak
 * send the same value, so a stored value identifies its update.
 */
import type { RunEvaluation } from '../../src/evaluation/read.ts';

/**
 * A value of an evaluation, with the author and the time of the change. For the first value these
 * are the creator and the time of creation.
 */
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

/** One update of an evaluation, as its caller knows it. */
export type Sent = {
  readonly author: string;
  /** True if the update has an Idempotency-Key. Then it may be stored only once. */
  readonly hasKey: boolean;
  /** True from just before the caller sends the update until the response. */
  isUnderWay: boolean;
  /** The number of tries that got 503 or lost their connection. Any of them may be stored. */
  uncertain: number;
  /**
   * The `updated_at` of each response to the update. If a caller sends the update again without an
   * Idempotency-Key, the Worker may store it again, with another time.
   */
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
  /** Every version that a response showed. */
  readonly shown: Version[];
  /** Maps the `updated_at` of an acknowledged conditional update to the version in its If-Match. */
  readonly replaced: Map<string, string>;
  /**
   * The time of the latest version that a read or an update of this evaluation returned. A request
   * that begins later must not return an older version.
   */
  latest: string;
  /** The `x-d1-bookmark` of the response that returned the latest version. */
  bookmark: string | undefined;
  /** While the deletion is `sent`, the evaluation may be deleted or not. */
  deletion: 'none' | 'sent' | 'acknowledged';
  /** True if an earlier evaluation had this id, and the Worker acknowledged its deletion. */
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

/**
 * Records the version that a response showed. If no response has shown a later version, the ledger
 * also records the time of this version, and the bookmark if the response has one.
 */
export function advance(ledger: Ledger, version: Version, bookmark: unknown): void {
  ledger.shown.push(version);
  if (version.at < ledger.latest) return;
  ledger.latest = version.at;
  if (typeof bookmark === 'string') ledger.bookmark = bookmark;
}
