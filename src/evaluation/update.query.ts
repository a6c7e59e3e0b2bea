/**
 * SQL that updates an evaluation, and SQL that explains why an update changed nothing. Both
 * statements run in one transaction.
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
  /** `isReplaced` reads only the history rows after this time. */
  since: param<string>(),
};
type P = In<typeof WRITE>;

/** A link contains no run, so only a request with a token must name the evaluation's run. */
const isTarget = (p: P) =>
  all(
    same(e.account_id, p.account),
    same(e.id, p.id),
    sql`(${same(e.run_id, p.run_id)} OR ${p.link_id} IS NOT NULL)`,
  );

const isWritable = (p: P) => all(isTarget(p), isNotRevoked(p), isNotDeletedSince(p));

const isOwnWrite = (p: P) => same(e.write_id, p.write_id);

/**
 * Matches the row of `keyed_write` with the id of this write. An earlier request with the same key
 * may have inserted the row.
 */
const isKeyedWrite = (p: P) =>
  all(same(w.account_id, e.account_id), same(w.evaluation_id, e.id), same(w.write_id, p.write_id));

/** Matches the history row of this write, if another write has replaced the value. */
const isReplaced = (p: P) =>
  all(
    same(h.account_id, e.account_id),
    same(h.evaluation_id, e.id),
    above(h.replaced_at, p.since),
    same(h.write_id, p.write_id),
  );

/** Updates the evaluation if all conditions are true, and if this write is not stored yet. */
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
 * Explains why the update changed nothing. If the request may not write the evaluation, the
 * evaluation's columns are NULL.
 */
export const explainUpdateEvaluation = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: resourceColumns,
    is_own_write: isOwnWrite(p).as('is_own_write'),
    /** The parameter `is_repeatable` (db/write.ts). */
    is_repeatable: p.is_repeatable.as('is_repeatable'),
    /** The value that an earlier attempt of this write stored, or NULL. */
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
