/**
 * SQL that updates an evaluation: two statements in one transaction, so no other write can change a
 * row between them. The first statement checks all conditions. If it stores nothing, the second
 * statement reads the rows that show why, and update.ts finds the condition that is false.
 */
import { sql } from 'drizzle-orm';
import {
  above,
  accountQuery,
  all,
  coalesce,
  e,
  h,
  type In,
  is,
  l,
  param,
  query,
  same,
  select,
  some,
  update,
  w,
} from '../db/query.ts';
import {
  ALONE,
  currentVersion,
  hasVersion,
  ifNothingChanged,
  keepsImmutable,
  nextVersion,
  UPDATE,
} from '../db/write.query.ts';
import { allowsUpdate, isLabelOf, ruleColumns } from '../label/rule.query.ts';
import {
  isNotDeletedSince,
  isNotRevoked,
  LINKED,
  NOW,
  resourceColumns,
} from './evaluation.query.ts';
import { IMMUTABLE } from './input.ts';

const { write_id, is_repeatable } = UPDATE;
const WRITE = {
  ...LINKED,
  ...NOW,
  /** Null if the request comes through a link. */
  run_id: param<string | null>(),
  write_id,
  is_repeatable,
  /**
   * `isReplaced` searches the history for an earlier attempt of this write. It reads only the rows
   * that are later than this time.
   */
  since: param<string>(),
};
type P = In<typeof WRITE>;

/**
 * Matches the evaluation that the request names. A request with a token also names the run, and the
 * evaluation must belong to this run. A request through a link names no run, because a link does
 * not contain one.
 */
const isTarget = (p: P) =>
  all(
    same(e.account_id, p.account),
    same(e.id, p.id),
    sql`(${same(e.run_id, p.run_id)} OR ${p.link_id} IS NOT NULL)`,
  );

/**
 * Matches the evaluation if the request may write it. Two conditions must be true:
 * - If the request came through a link, the link is not revoked.
 * - No evaluation with this id was deleted after the request began. After such a deletion, the id
 *   may belong to a new evaluation. The caller cannot mean the new evaluation, because the caller
 *   sent the request before it existed.
 */
const isWritable = (p: P) => all(isTarget(p), isNotRevoked(p), isNotDeletedSince(p));

const isOwnWrite = (p: P) => same(e.write_id, p.write_id);

/**
 * Matches the row in `keyed_write` that this write has already stored. Only a write with an
 * idempotency key has such a row.
 * Even the first attempt searches for the row. An earlier request with the same key may have stored
 * it, or the second attempt may have reached the database before the first.
 */
const isKeyedWrite = (p: P) =>
  all(same(w.account_id, e.account_id), same(w.evaluation_id, e.id), same(w.write_id, p.write_id));

/**
 * Matches the history row that contains the value of this write. The history has such a row if
 * another write has replaced the value.
 * Only a write without an idempotency key needs this search. The search reads only the history rows
 * since the request began. There are usually none, even if the history is long.
 */
const isReplaced = (p: P) =>
  all(
    same(h.account_id, e.account_id),
    same(h.evaluation_id, e.id),
    above(h.replaced_at, p.since),
    same(h.write_id, p.write_id),
  );

/**
 * Updates the evaluation and returns the row. If a condition is false, or if this write is already
 * stored, updates nothing.
 */
export const updateEvaluation = query({ ...UPDATE, ...WRITE, value: param<number>() }, (p) => {
  const isRetry = all(
    p.is_repeatable,
    same(e.value, p.value),
    is(e.updated_by, p.subject),
    sql`${e.updated_at} IS NOT NULL`,
  );
  return update(e, {
    value: p.value,
    updated_by: p.subject,
    updated_at: nextVersion(e, p),
    write_id: p.write_id,
  })
    .where(
      all(
        isWritable(p),
        sql`NOT (${isOwnWrite(p)} OR ${isRetry})`,
        sql`NOT ${some(w, isKeyedWrite(p))}`,
        // SQLite searches the history only if the row was changed since the request began.
        sql`(${currentVersion(e)} <= ${p.since} OR NOT ${some(h, isReplaced(p))})`,
        hasVersion(e, p),
        keepsImmutable(e, IMMUTABLE, p),
        allowsUpdate(e.account_id, e.evaluation_label_id, p.value),
      ),
    )
    .returning(resourceColumns);
});

/**
 * Explains why the update changed nothing. Returns the evaluation, the value that this write has
 * already stored (if it has), and the rule of the label. If the request may not write the
 * evaluation, the columns of the evaluation are NULL. If the update changed the evaluation, returns
 * no row.
 */
export const explainUpdateEvaluation = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: resourceColumns,
    is_own_write: isOwnWrite(p).as('is_own_write'),
    /**
     * 1 if the request may count as the caller's retry of an earlier request. It counts as a retry
     * if the last update stored the same value by the same author. Only the Worker's first attempt
     * sends 1 (db/write.ts).
     */
    is_repeatable: p.is_repeatable.as('is_repeatable'),
    /**
     * The value that an earlier attempt of this write stored, from `keyed_write` or from the
     * history. NULL if neither contains this write.
     */
    earlier_value: coalesce(w.value, h.value).as('earlier_value'),
    earlier_updated_at: coalesce(w.updated_at, h.updated_at).as('earlier_updated_at'),
    rule: ruleColumns,
  })
    .from(ifNothingChanged(p))
    .leftJoin(e, isWritable(p))
    .leftJoin(w, isKeyedWrite(p))
    .leftJoin(h, isReplaced(p))
    .leftJoin(l, isLabelOf(e.account_id, e.evaluation_label_id)),
);
