/**
 * The update, and the read that explains why it stored nothing. Both run in one transaction, so
 * nothing changes in between. The update carries every condition; update.ts finds in the
 * explanation which of them failed.
 */
import { sql } from 'drizzle-orm';
import {
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
/** The parameters by which both statements find the row, and what this write stored already. */
const WRITE = {
  ...SCOPE,
  subject,
  write_id,
  is_repeatable,
  /** Null to keep the name. */
  name: param<string | null>(),
  has_description: param<0 | 1>(),
  description: param<string | null>(),
  /** Null to keep the state. */
  archived: param<0 | 1 | null>(),
};

/**
 * The row contains what this write stored, or what the same author sends again without a name. A
 * label has no history: a write that another one has replaced is not recognised.
 */
const isStored = (p: In<typeof WRITE>) =>
  sql<Truth>`(${same(l.write_id, p.write_id)} OR ${all(
    p.is_repeatable,
    same(l.name, coalesce(p.name, l.name)),
    sql`(NOT ${p.has_description} OR ${is(l.description, p.description)})`,
    sql`(${l.archived_at} IS NOT NULL) = coalesce(${p.archived}, ${l.archived_at} IS NOT NULL)`,
    is(l.updated_by, p.subject),
  )})`;

/** Returns the changed row; nothing if a condition failed, or if this write is stored already. */
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

/** Returns nothing if the update changed the row; NULLs if the account has no such label. */
export const explainUpdateEvaluationLabel = query({ ...WRITE, ...ALONE }, (p) =>
  select({ label: resourceColumns, is_stored: isStored(p).as('is_stored') })
    .from(ifNothingChanged(p))
    .leftJoin(l, isOwn(p)),
);
