/**
 * A ledger records what the callers know about one evaluation: the values that they sent, the
 * updates that the Worker acknowledged, and the versions that responses showed. Later the audit
 * compares the stored row and its history with the ledger (audit.ts). No two updates of the soak
 * send the same value, so a stored value identifies its update.
 */
import type { RunEvaluation } from '../../src/evaluation/read.ts';

/**
 * A value of an evaluation, with the author and the time of the change. If the evaluation has never
 * been updated, `by` is its creator, and `at` is the time of creation.
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

/** One update that a caller sent to an evaluation. */
export type Sent = {
  readonly author: string;
  /** True if the update has an Idempotency-Key. Then the Worker must not store the update twice. */
  readonly hasKey: boolean;
  /** True from just before the caller sends the update until the response. */
  isUnderWay: boolean;
  /**
   * The number of tries that got 503 or lost their connection. The Worker may have stored some of
   * these tries.
   */
  uncertain: number;
  /**
   * The `updated_at` of each response to the update. If a caller sends the update again without an
   * Idempotency-Key, the Worker may store the update again. Then the second response has another
   * `updated_at`.
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
  /**
   * The conditional updates (those with If-Match) that the Worker acknowledged. Maps the
   * `updated_at` of an update to the version in its If-Match. The update must have replaced this
   * version.
   */
  readonly replaced: Map<string, string>;
  /**
   * The time of the latest version that the Worker has returned for a create, an update or a get of
   * this evaluation. If a request begins after this response, it must not return an older version.
   */
  latest: string;
  /**
   * The `x-d1-bookmark` of the response that returned the latest version. A get of this evaluation
   * sends the bookmark, so that D1 reads this version or a later one.
   */
  bookmark: string | undefined;
  /** The state of the deletion. If it is `sent`, nobody knows whether the evaluation is deleted. */
  deletion: 'none' | 'sent' | 'acknowledged';
  /**
   * True if this evaluation has the id of an earlier evaluation, and the Worker acknowledged the
   * deletion of the earlier one.
   */
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
 * Records a version that a response showed. If it is the latest version so far, also records its
 * time, and the bookmark if the response has one.
 */
export function advance(ledger: Ledger, version: Version, bookmark: unknown): void {
  ledger.shown.push(version);
  if (version.at < ledger.latest) return;
  ledger.latest = version.at;
  if (typeof bookmark === 'string') ledger.bookmark = bookmark;
}
