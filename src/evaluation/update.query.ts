/**
 * The update, and the read that explains why it stored nothing. Both run in one transaction, so
 * nothing changes in between. The update carries every condition; update.ts finds in the
 * explanation which of them failed.
 */
import { sql } from 'drizzle-orm';
import {
  above,
  all,
  e,
  h,
  type In,
  is,
  l,
  named,
  param,
  query,
  same,
  select,
  some,
  update,
} from '../db/query.ts';
import {
  ALONE,
  hasVersion,
  ifNothingChanged,
  keepsImmutable,
  nextVersion,
  UPDATE,
} from '../db/write.query.ts';
import { allowsUpdate, isLabelOf, ruleColumns } from '../label/rule.query.ts';
import { isInScope, isNotRevoked, LINK, resourceColumns, SCOPE } from './evaluation.query.ts';
import { IMMUTABLE } from './input.ts';

const { write_id, is_repeatable } = UPDATE;
/** The parameters of both statements. */
const WRITE = {
  ...SCOPE,
  ...LINK,
  write_id,
  is_repeatable,
  /** How far back the history is searched for this write. */
  since: param<string>(),
};
type P = In<typeof WRITE>;

/** The evaluation of the path; through a link only if the link is not revoked. */
const isWritable = (p: P) => all(isInScope(p), isNotRevoked(p));

const isOwnWrite = (p: P) => same(e.write_id, p.write_id);

/**
 * The history entry of what this write stored and another has replaced. Every attempt looks for it,
 * also the first, so that an attempt that arrives late does no harm. It is a range of the primary
 * key, usually empty, however often the row was changed.
 */
const isReplaced = (p: P) =>
  all(
    same(h.account_id, e.account_id),
    same(h.evaluation_id, e.id),
    above(h.replaced_at, p.since),
    same(h.write_id, p.write_id),
  );

/** Returns the changed row; nothing if a condition failed, or if this write is stored already. */
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
        sql`NOT ${some(h, isReplaced(p))}`,
        hasVersion(e, p),
        keepsImmutable(e, IMMUTABLE, p),
        allowsUpdate(e.account_id, e.evaluation_label_id, p.value),
      ),
    )
    .returning(resourceColumns);
});

/**
 * Returns nothing if the update changed the row, and a row of NULLs if there is no such evaluation.
 * A key that was used again after it was forgotten names two writes: then this returns two rows in
 * the order of the history, of which the last one counts.
 */
export const explainUpdateEvaluation = query({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: resourceColumns,
    is_own_write: isOwnWrite(p).as('is_own_write'),
    /** Returns the parameter: only the first attempt may count as a retry (db/write.ts). */
    is_repeatable: p.is_repeatable.as('is_repeatable'),
    replaced_value: named(h.value, 'replaced_value'),
    replaced_updated_at: named(h.updated_at, 'replaced_updated_at'),
    rule: ruleColumns,
  })
    .from(ifNothingChanged(p))
    .leftJoin(e, isWritable(p))
    .leftJoin(h, isReplaced(p))
    .leftJoin(l, isLabelOf(e.account_id, e.evaluation_label_id)),
);
