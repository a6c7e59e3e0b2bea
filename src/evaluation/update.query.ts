/**
 * The SQL that updates an evaluation, and the read that explains why nothing was stored. Both
 * statements run in one transaction, so no row changes in between. The update checks all conditions
 * in SQL. If the update stores nothing, update.ts compares the row from the read with the request,
 * and so finds the condition that failed.
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
  /** The search for an earlier attempt of this write reads only history rows after this time. */
  since: param<string>(),
};
type P = In<typeof WRITE>;

/**
 * Matches the evaluation that the request names. A link contains no run, so only a request through
 * a link may leave the run out.
 */
const isTarget = (p: P) =>
  all(
    same(e.account_id, p.account),
    same(e.id, p.id),
    sql`(${same(e.run_id, p.run_id)} OR ${p.link_id} IS NOT NULL)`,
  );

/**
 * Matches the evaluation if the request may write it:
 * - The link of the request, if any, is not revoked.
 * - No evaluation with this id was deleted after the request began. Otherwise, an evaluation that
 *   has the id now was created after that deletion, so the caller cannot mean it.
 */
const isWritable = (p: P) => all(isTarget(p), isNotRevoked(p), isNotDeletedSince(p));

const isOwnWrite = (p: P) => same(e.write_id, p.write_id);

/**
 * Matches the row of `keyed_write` that this write stored, if the write has an idempotency key.
 * Even the first attempt must look for this row, because a second attempt may have reached the
 * database earlier.
 */
const isKeyedWrite = (p: P) =>
  all(same(w.account_id, e.account_id), same(w.evaluation_id, e.id), same(w.write_id, p.write_id));

/**
 * Matches the history row that contains the value of this write, if another write has replaced the
 * value. Only a write without an idempotency key needs this search. The search reads the history
 * rows since the request began: usually none, no matter how long the history is.
 */
const isReplaced = (p: P) =>
  all(
    same(h.account_id, e.account_id),
    same(h.evaluation_id, e.id),
    above(h.replaced_at, p.since),
    same(h.write_id, p.write_id),
  );

/**
 * Updates the evaluation and returns the row. Updates nothing if a condition failed, or if this
 * write is stored already.
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
 * Explains why the update changed nothing: returns the evaluation, the value that this write has
 * already stored, if any, and the rule of the label. All columns of the evaluation are NULL if the
 * request may not write it. Returns no row if the update changed the row.
 */
export const explainUpdateEvaluation = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: resourceColumns,
    is_own_write: isOwnWrite(p).as('is_own_write'),
    /**
     * If this is 1 and the row already has the same value by the same author, the request counts as
     * the caller's retry. Only the Worker's first attempt sends 1 (db/write.ts).
     */
    is_repeatable: p.is_repeatable.as('is_repeatable'),
    /**
     * The value that this write stored, from `keyed_write` or the history; NULL if neither has it.
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
