/**
 * SQL that updates a label: two statements in one transaction, so no other write can change a row
 * between them. The first statement checks all conditions. If it stores nothing, the second
 * statement reads the label, and update.ts finds the condition that is false.
 */
import { sql } from 'drizzle-orm';
import {
  accountQuery,
  all,
  coalesce,
  type In,
  is,
  l,
  param,
  query,
  same,
  select,
  type Truth,
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
import { IMMUTABLE } from './input.ts';
import { isOwn, resourceColumns, SCOPE } from './label.query.ts';

const { subject, write_id, is_repeatable } = UPDATE;
const WRITE = {
  ...SCOPE,
  subject,
  write_id,
  is_repeatable,
  /** Null if the request does not change the name. */
  name: param<string | null>(),
  has_description: param<0 | 1>(),
  description: param<string | null>(),
  /** Null if the request does not change the archived state. */
  archived: param<0 | 1 | null>(),
};

/**
 * Returns SQL that is true if the update would store nothing new, for one of two reasons:
 * - The row has this write's `write_id`. An earlier attempt, or an earlier request with the same
 *   idempotency key, has stored the write.
 * - `is_repeatable` is 1, and the row already has this content by this author. The request counts
 *   as the caller's retry of an earlier request.
 * A label has no history. So if another write has changed the label since, the SQL does not
 * recognise an earlier attempt of this write.
 */
const isStored = (p: In<typeof WRITE>) =>
  sql<Truth>`(${same(l.write_id, p.write_id)} OR ${all(
    p.is_repeatable,
    same(l.name, coalesce(p.name, l.name)),
    sql`(NOT ${p.has_description} OR ${is(l.description, p.description)})`,
    sql`(${l.archived_at} IS NOT NULL) = coalesce(${p.archived}, ${l.archived_at} IS NOT NULL)`,
    is(l.updated_by, p.subject),
  )})`;

/**
 * Updates the label and returns the row. If a condition is false, or if this write is already
 * stored, updates nothing.
 */
export const updateEvaluationLabel = query({ ...UPDATE, ...WRITE }, (p) =>
  update(l, {
    name: coalesce(p.name, l.name),
    description: sql`iif(${p.has_description}, ${p.description}, ${l.description})`,
    archived_at: sql`CASE ${p.archived} WHEN 0 THEN NULL
      WHEN 1 THEN coalesce(${l.archived_at}, ${nextVersion(l, p)}) ELSE ${l.archived_at} END`,
    updated_by: p.subject,
    updated_at: nextVersion(l, p),
    write_id: p.write_id,
  })
    .where(
      all(isOwn(p), sql`NOT ${isStored(p)}`, hasVersion(l, p), keepsImmutable(l, IMMUTABLE, p)),
    )
    .returning(resourceColumns),
);

/**
 * Explains why the update changed nothing. Returns the label, and `is_stored`, which is 1 if this
 * write is already stored. If the account does not have the label, the columns of the label are
 * NULL. If the update changed the label, returns no row.
 */
export const explainUpdateEvaluationLabel = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({ label: resourceColumns, is_stored: isStored(p).as('is_stored') })
    .from(ifNothingChanged(p))
    .leftJoin(l, isOwn(p)),
);
