/**
 * Keeps a copy of the shared labels in each account object. The shared labels live in D1, and every
 * account uses them. A label's rule never changes, so an old copy is never wrong about a value.
 * While D1 does not answer, the object uses the copy that it has.
 */
import { systemClock, withTimeout } from '../clock.ts';
import { messageOf } from '../failure.ts';
import { LABEL_PAGE_MAX_ROWS } from '../limits.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import type { Refusal } from './account-object.ts';
import { insertRows, runWithoutTriggers } from './arrival.ts';
import type { Call } from './connection.ts';
import { awaitAnswer, prepare } from './d1.ts';
import { findMissingLabel, readSharedLabel, readSharedLabels } from './sql.generated.ts';
import { bindValues, type RowOf } from './statement.ts';

type LabelRow = RowOf<typeof readSharedLabels>;

/**
 * An object refreshes its copy at this age. So while D1 answers, a change of a shared label reaches
 * every object within this time.
 */
const COPY_MAX_AGE_MS = 60_000;
/** After a failure, no request waits for D1 during this time, and the copy is used. */
const RETRY_MS = 5000;
/** A request waits at most this long for a label. */
const WAIT_MAX_MS = 1000;
/** A text after every id: ids are hexadecimal digits and hyphens. */
const AFTER_EVERY_ID = '~';
/**
 * The ids that the object remembers as missing in D1. So a flood of unknown ids does not query D1
 * for each request.
 */
const MISSING_MAX_COUNT = 1000;

const TABLE = { name: 'evaluation_label' };
const HAS_COPY = 'has_shared_labels';

/** Creates the keeper of one object's copy. */
export function createSharedLabels(storage: DurableObjectStorage, d1: D1Database) {
  let nextRefresh = 0;
  let hasCopy = storage.kv.get(HAS_COPY) !== undefined;
  let refreshing: Promise<void> | undefined;
  const missing = new Map<unknown, number>();
  return { findRefusal };

  /**
   * Returns why the object cannot serve the call now; undefined if it can. Fetches the labels that
   * the call needs.
   */
  async function findRefusal(call: Call): Promise<Refusal | undefined> {
    try {
      if (!hasCopy || isRefreshDue()) await refreshIfPossible();
      const label = call.store && findLabelToFetch(call.params);
      if (label) await withTimeout(systemClock, WAIT_MAX_MS, fetchLabel(label));
      return undefined;
    } catch (thrown) {
      return { wait: 1, cause: `the shared labels cannot be read from D1: ${messageOf(thrown)}` };
    }
  }

  /**
   * Returns true if the copy must be refreshed. If the clock was set back, the time of the next
   * refresh means nothing, so the result is true too.
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

  /** Reads all shared labels, and replaces the pages that differ in the copy. */
  async function refresh(): Promise<void> {
    const began = Date.now();
    // Each refresh opens a session of its own, because only the first query of a session asks the
    // primary.
    const db = d1.withSession('first-primary');
    let after: string | undefined = '';
    while (after !== undefined) after = await refreshPage(db, after);
    if (!hasCopy) storage.kv.put(HAS_COPY, true);
    hasCopy = true;
    nextRefresh = began + COPY_MAX_AGE_MS;
  }

  /** Refreshes one page. Returns the last id of the page; undefined if no page follows. */
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

  /** Replaces the shared labels in the copy that meet the condition. */
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
   * Returns the id of the label whose rule the call's value must meet, if only D1 can have that
   * label.
   */
  function findLabelToFetch(params: Call['params']): string | undefined {
    if (params['value'] === undefined) return undefined;
    const values = bindValues(findMissingLabel, { evaluation_label_id: null, ...params });
    const [row] = storage.sql.exec(findMissingLabel.sql, ...values).toArray();
    const id = row?.['id'];
    const asked = missing.get(id) ?? 0;
    const isDue = Math.abs(Date.now() - asked) >= COPY_MAX_AGE_MS;
    return typeof id === 'string' && isDue ? id : undefined;
  }

  async function fetchLabel(id: string): Promise<void> {
    const db = d1.withSession('first-primary');
    const label = await prepare(db, readSharedLabel, { id }).first<LabelRow>();
    if (label) {
      replace([label], 'id = ?', id);
      return;
    }
    if (missing.size >= MISSING_MAX_COUNT) missing.clear();
    missing.set(id, Date.now());
  }
}
