/**
 * Keeps a copy of the shared labels in each account object, for times when D1 does not answer. The
 * rule of a label never changes, so an old copy judges values correctly.
 */
import { systemClock, withTimeout } from '../clock.ts';
import { collectMessages } from '../failure.ts';
import { LABEL_PAGE_MAX_ROWS } from '../limits.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import type { Refusal } from './account-object.ts';
import { insertRows, runWithoutTriggers } from './arrival.ts';
import type { Call } from './connection.ts';
import { awaitAnswer, prepare } from './d1.ts';
import { findMissingLabel, readSharedLabel, readSharedLabels } from './sql.generated.ts';
import { bindValues, type RowOf } from './statement.ts';

type LabelRow = RowOf<typeof readSharedLabels>;

/** An object refreshes its copy when the copy is this old. */
const COPY_MAX_AGE_MS = 60_000;
/** After a failed refresh, the next refresh starts after this time. */
const RETRY_MS = 5000;
/** A request waits at most this long for a refresh, and as long again for a missing label. */
const WAIT_MAX_MS = 1000;
/** A text that sorts after every id. */
const AFTER_EVERY_ID = '~';
/** The most ids of missing labels that the object remembers. */
const MISSING_MAX_COUNT = 1000;

const TABLE = { name: 'evaluation_label' };
const HAS_COPY = 'has_shared_labels';

/** Creates `findRefusal`, which the object calls before it runs the statements of a call. */
export function createSharedLabels(storage: DurableObjectStorage, d1: D1Database) {
  let nextRefresh = 0;
  let hasCopy = storage.kv.get(HAS_COPY) !== undefined;
  let refreshing: Promise<void> | undefined;
  const missingSince = new Map<unknown, number>();
  return { findRefusal };

  /** Returns why the object cannot serve the call now; undefined if the object can. */
  async function findRefusal(call: Call): Promise<Refusal | undefined> {
    try {
      if (!hasCopy || isRefreshDue()) await refreshIfPossible();
      const label = call.store && findLabelToFetch(call.params);
      if (label) await withTimeout(systemClock, WAIT_MAX_MS, fetchLabel(label));
      return undefined;
    } catch (thrown) {
      return {
        wait: 1,
        cause: `the shared labels cannot be read from D1: ${collectMessages(thrown)}`,
      };
    }
  }

  /**
   * Returns true if the next refresh is due, or is so far away that the clock must have been set
   * back.
   */
  function isRefreshDue(): boolean {
    const wait = nextRefresh - Date.now();
    return wait <= 0 || wait > COPY_MAX_AGE_MS;
  }

  async function refreshIfPossible(): Promise<void> {
    refreshing ??= refresh().finally(() => {
      refreshing = undefined;
    });
    try {
      await withTimeout(systemClock, WAIT_MAX_MS, refreshing);
    } catch (thrown) {
      nextRefresh = Date.now() + RETRY_MS;
      if (!hasCopy) throw thrown;
    }
  }

  async function refresh(): Promise<void> {
    const began = Date.now();
    // Each refresh opens a session, because only the first query of a session is sure to reach the
    // primary.
    const db = d1.withSession('first-primary');
    let after: string | undefined = '';
    while (after !== undefined) after = await refreshPage(db, after);
    if (!hasCopy) storage.kv.put(HAS_COPY, true);
    hasCopy = true;
    nextRefresh = began + COPY_MAX_AGE_MS;
  }

  /** Returns the last id of the page; undefined if this was the last page. */
  async function refreshPage(db: D1DatabaseSession, after: string): Promise<string | undefined> {
    const params = { after, limit: LABEL_PAGE_MAX_ROWS };
    const page = prepare(db, readSharedLabels, params).all<LabelRow>();
    const { results: rows } = await awaitAnswer(page);
    const values = bindValues(readSharedLabels, params);
    const copies = storage.sql.exec(readSharedLabels.sql, ...values).toArray();
    const last = rows.length === LABEL_PAGE_MAX_ROWS ? rows.at(-1)?.id : undefined;
    if (JSON.stringify(copies) !== JSON.stringify(rows))
      replace(rows, 'id > ? AND id <= ?', after, last ?? AFTER_EVERY_ID);
    return last;
  }

  function replace(rows: readonly LabelRow[], condition: string, ...values: string[]): void {
    const { sql } = storage;
    storage.transactionSync(() => {
      runWithoutTriggers(sql, TABLE.name, () => {
        const deletion = `DELETE FROM ${TABLE.name} WHERE account_id = '${SHARED_ACCOUNT}'`;
        sql.exec(`${deletion} AND ${condition}`, ...values);
      });
      insertRows(sql, TABLE, rows);
    });
  }

  /**
   * Returns the id of the label that the call needs and the object lacks. Leaves out a label that
   * D1 lacked less than COPY_MAX_AGE_MS ago.
   */
  function findLabelToFetch(params: Call['params']): string | undefined {
    if (params['value'] === undefined) return undefined;
    const values = bindValues(findMissingLabel, { evaluation_label_id: null, ...params });
    const [row] = storage.sql.exec(findMissingLabel.sql, ...values).toArray();
    const id = row?.['id'];
    const since = missingSince.get(id) ?? 0;
    const isDue = Math.abs(Date.now() - since) >= COPY_MAX_AGE_MS;
    return typeof id === 'string' && isDue ? id : undefined;
  }

  async function fetchLabel(id: string): Promise<void> {
    const db = d1.withSession('first-primary');
    const label = await prepare(db, readSharedLabel, { id }).first<LabelRow>();
    if (label) {
      replace([label], 'id = ?', id);
      return;
    }
    if (missingSince.size >= MISSING_MAX_COUNT) missingSince.clear();
    missingSince.set(id, Date.now());
  }
}
