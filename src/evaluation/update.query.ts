/**
 * The SQL of the update, and of the read that explains why the update stored nothing. Both
 * statements run in one transaction, so no row changes in between. The update carries every
 * condition; update.ts finds in the explanation which condition failed.
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
/** The parameters of both statements. */
const WRITE = {
  ...LINKED,
  ...NOW,
  /** Null if the request comes through a link. */
  run_id: param<string | null>(),
  write_id,
  is_repeatable,
  /** The search for this write covers only history entries after this time. */
  since: param<string>(),
};
type P = In<typeof WRITE>;

/**
 * Matches the evaluation that the request names. Only a request through a link may leave out the
 * run.
 */
const isTarget = (p: P) =>
  all(
    same(e.account_id, p.account),
    same(e.id, p.id),
    sql`(${same(e.run_id, p.run_id)} OR ${p.link_id} IS NOT NULL)`,
  );

/**
 * Matches the evaluation if the request may write it. Excludes a request through a revoked link.
 * Excludes a request that began before an evaluation with this id was deleted, because the present
 * evaluation was created later.
 */
const isWritable = (p: P) => all(isTarget(p), isNotRevoked(p), isNotDeletedSince(p));

const isOwnWrite = (p: P) => same(e.write_id, p.write_id);

/**
 * Matches the row that this write stored in `keyed_write`, if the write has a key. Every attempt
 * looks for its own name, even the first attempt, because an attempt may arrive late.
 */
const isKeyedWrite = (p: P) =>
  all(same(w.account_id, e.account_id), same(w.evaluation_id, e.id), same(w.write_id, p.write_id));

/**
 * Matches the history entry of a value that this write stored and another write replaced, if this
 * write has no key. The search covers only the entries since the request began: usually no entry,
 * no matter how long the history is.
 */
const isReplaced = (p: P) =>
  all(
    same(h.account_id, e.account_id),
    same(h.evaluation_id, e.id),
    above(h.replaced_at, p.since),
    same(h.write_id, p.write_id),
  );

/** Returns the changed row; no row if a condition failed, or if this write is stored already. */
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
        // The search runs only if the row was changed since the request began.
        sql`(${currentVersion(e)} <= ${p.since} OR NOT ${some(h, isReplaced(p))})`,
        hasVersion(e, p),
        keepsImmutable(e, IMMUTABLE, p),
        allowsUpdate(e.account_id, e.evaluation_label_id, p.value),
      ),
    )
    .returning(resourceColumns);
});

/**
 * Returns what update.ts needs to name the failed condition. Returns NULLs if the request may not
 * write the evaluation, and no row if the update changed the row.
 */
export const explainUpdateEvaluation = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: resourceColumns,
    is_own_write: isOwnWrite(p).as('is_own_write'),
    /** Repeats the parameter: only the first attempt may count as a retry (db/write.ts). */
    is_repeatable: p.is_repeatable.as('is_repeatable'),
    /** The value that this write stored, if its name was found. */
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
