/**
 * SQL that updates a label, and SQL that explains why an update changed nothing. Both statements
 * run in one transaction.
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
 * Returns SQL that is true if the label's last update was this write. Is also true if
 * `is_repeatable` is 1, and the last update had the same content and author.
 */
const isStored = (p: In<typeof WRITE>) =>
  sql<Truth>`(${same(l.write_id, p.write_id)} OR ${all(
    p.is_repeatable,
    same(l.name, coalesce(p.name, l.name)),
    sql`(NOT ${p.has_description} OR ${is(l.description, p.description)})`,
    sql`(${l.archived_at} IS NOT NULL) = coalesce(${p.archived}, ${l.archived_at} IS NOT NULL)`,
    is(l.updated_by, p.subject),
  )})`;

/** Updates the label if all conditions are true, and if this write is not stored yet. */
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
 * Explains why the update changed nothing. If the account does not have the label, the label's
 * columns are NULL.
 */
export const explainUpdateEvaluationLabel = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({ label: resourceColumns, is_stored: isStored(p).as('is_stored') })
    .from(ifNothingChanged(p))
    .leftJoin(l, isOwn(p)),
);
