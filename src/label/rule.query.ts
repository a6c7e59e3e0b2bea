/** SQL conditions that find an evaluation's label, and check whether the label allows a value. */
import { type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import {
  all,
  coalesce,
  type Expression,
  l,
  literal,
  same,
  scalar,
  select,
  type Truth,
} from '../db/query.ts';
import { evaluationLabel } from '../db/schema.ts';
import { SHARED_ACCOUNT } from '../principal.ts';

type Id = Expression<string>;

export const shared = literal(SHARED_ACCOUNT);

const own = alias(evaluationLabel, 'o');

/**
 * Matches the account's own label with this id, or else the shared label. Never matches another
 * account's label, because an error message would reveal its categories.
 */
export function isLabelOf(account: Id, id: Id): SQL<Truth> {
  const isOwn = all(same(own.account_id, account), same(own.id, id));
  const owner = scalar(select({ account_id: own.account_id }).from(own).where(isOwn));
  return all(same(l.account_id, coalesce(owner, shared)), same(l.id, id));
}

/** Returns SQL that is true if the label `l` allows the value. */
const allows = (value: SQL<number>) => sql<Truth>`CASE ${l.value_type}
  WHEN 'binary' THEN ${value} IN (0, 1)
  WHEN 'continuous' THEN ${value} BETWEEN coalesce(${l.min_value}, ${value})
    AND coalesce(${l.max_value}, ${value})
  ELSE ${value} >= 0 AND ${value} < json_array_length(${l.categories}) AND ${value} = round(${value})
END`;

/**
 * Returns SQL that is true if the account's label meets the condition. The result is `otherwise` if
 * the label is missing.
 */
function labelMeets(account: Id, id: Id, condition: SQL, otherwise: 0 | 1): SQL<Truth> {
  const lookUp = (owner: Id) =>
    scalar(
      select({ holds: sql<0 | 1>`${condition} IS TRUE` })
        .from(l)
        .where(all(same(l.account_id, owner), same(l.id, id))),
    );
  return sql<Truth>`coalesce(${lookUp(account)}, ${lookUp(shared)}, ${otherwise})`;
}

/** Returns SQL that is true if a create may store the value. */
export const allowsCreate = (account: Id, id: Id, value: SQL<number>): SQL<Truth> =>
  labelMeets(account, id, all(allows(value), sql`${l.archived_at} IS NULL`), 0);

/**
 * Returns SQL that is true if an update may store the value. A missing label allows every value,
 * because a label may arrive after its evaluations.
 */
export const allowsUpdate = (account: Id, id: Id, value: SQL<number>): SQL<Truth> =>
  labelMeets(account, id, allows(value), 1);

/** The columns that contain a label's rule (rule.ts). */
export const ruleColumns = {
  value_type: l.value_type,
  min_value: l.min_value,
  max_value: l.max_value,
  categories: l.categories,
};
