/**
 * Notes what the callers know of an evaluation: what they sent, what was acknowledged, what they
 * were shown. At the end the audit compares the row and its history with these notes (audit.ts).
 * Values are unique over the whole soak, so each tells its sender.
 */
import type { RunEvaluation } from '../../src/evaluation/read.ts';

/**
 * An evaluation at a time. In the rules of the history, its creator set the first value when it was
 * created.
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

export type Sent = {
  readonly author: string;
  /** The update has an Idempotency-Key: it is stored once at most, however often it is sent. */
  readonly once: boolean;
  /** The request is about to be sent, or has no answer yet. */
  isUnderWay: boolean;
  /** The number of tries that ended in 503. Each of them may have been stored or not. */
  uncertain: number;
  /**
   * The times under which the value was acknowledged. Only a value that was sent several times has
   * several.
   */
  readonly acknowledged: Set<string>;
};

export type Ledger = {
  readonly id: string;
  readonly run_id: string;
  readonly account: string;
  readonly created: { readonly value: number; readonly author: string };
  /** The time is undefined until the Worker acknowledges the creation. */
  created_at: string | undefined;
  readonly sent: Map<number, Sent>;
  /** Every version that any answer showed. */
  readonly shown: Version[];
  /** Maps the time of an acknowledged conditional update to the version that it was to replace. */
  readonly replaced: Map<string, string>;
  /** The latest time that was acknowledged. Anything read or written after that is not older. */
  latest: string;
  bookmark: string | undefined;
  /** A deletion that was sent and not acknowledged may be stored or not. */
  deletion: 'none' | 'sent' | 'acknowledged';
  /** The Worker had acknowledged the deletion of an earlier evaluation with this id. */
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

/** Notes the version of an answer. If the answer has a bookmark, the ledger keeps it. */
export function advance(ledger: Ledger, version: Version, bookmark: unknown): void {
  ledger.shown.push(version);
  if (version.at < ledger.latest) return;
  ledger.latest = version.at;
  if (typeof bookmark === 'string') ledger.bookmark = bookmark;
}
