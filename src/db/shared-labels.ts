/**
 * Keeps a copy of the shared labels in each account object. Shared labels live in D1, and every
 * account may use them. While D1 does not answer, the object uses its copy. The rule of a label
 * (its type, bounds and categories) never changes, so an old copy accepts and refuses the same
 * values.
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
 * An object refreshes its copy when the copy is this old. If D1 answers within WAIT_MAX_MS, no call
 * uses an older copy.
 */
const COPY_MAX_AGE_MS = 60_000;
/** After a failed refresh, the object uses its copy for this time before it tries again. */
const RETRY_MS = 5000;
/**
 * A request waits at most this long until the copy is refreshed. If the object must also fetch a
 * missing label, the request waits at most this long again.
 */
const WAIT_MAX_MS = 1000;
/** A text that sorts after every id. Ids consist of hexadecimal digits and hyphens. */
const AFTER_EVERY_ID = '~';
/**
 * The object remembers at most this many ids of labels that neither the object nor D1 has. So
 * repeated requests with one of these ids do not query D1 each time.
 */
const MISSING_MAX_COUNT = 1000;

const TABLE = { name: 'evaluation_label' };
const HAS_COPY = 'has_shared_labels';

/**
 * Creates the function `findRefusal`, which keeps the copy up to date. The object calls it before
 * it runs the statements of a call.
 */
export function createSharedLabels(storage: DurableObjectStorage, d1: D1Database) {
  let nextRefresh = 0;
  let hasCopy = storage.kv.get(HAS_COPY) !== undefined;
  let refreshing: Promise<void> | undefined;
  const missingSince = new Map<unknown, number>();
  return { findRefusal };

  /**
   * Refreshes the copy if it is missing or too old. If the object lacks the label that the call
   * needs, fetches the label. Returns why the object cannot serve the call now; undefined if it
   * can.
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
   * Returns true if the copy must be refreshed. If the clock was set back, `nextRefresh` may be far
   * in the future. Then the copy is refreshed too.
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

  /**
   * Reads all shared labels from D1, page by page. If a page in D1 differs from the object's copy
   * of it, overwrites the copy of the page.
   */
  async function refresh(): Promise<void> {
    const began = Date.now();
    // Only the first query of a session is sure to reach the primary, so each refresh opens a new
    // session.
    const db = d1.withSession('first-primary');
    let after: string | undefined = '';
    while (after !== undefined) after = await refreshPage(db, after);
    if (!hasCopy) storage.kv.put(HAS_COPY, true);
    hasCopy = true;
    nextRefresh = began + COPY_MAX_AGE_MS;
  }

  /**
   * Refreshes the copy of one page. Returns the last id of the page; undefined if this was the last
   * page.
   */
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

  /**
   * Deletes the shared labels in the copy that meet the condition, and inserts `rows` in their
   * place.
   */
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
   * Returns the id of the label that the object must fetch from D1 before the call. Only a call
   * that writes a value needs a label, because the value must meet the label's rule. Returns
   * undefined in three cases:
   * - The call writes no value.
   * - The object has the label.
   * - The object searched D1 for the label less than COPY_MAX_AGE_MS ago, and D1 did not have it.
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
