/**
 * SQL conditions about the label of an evaluation: they find the label, and check whether it allows
 * a value. Every statement on evaluations can use them.
 */
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
 * Matches the label that has this id for this account. If the account has its own label with the
 * id, the own label matches. Otherwise the shared label with the id matches.
 * The label of another account never matches. If it did, an error message could reveal the other
 * account's categories.
 */
export function isLabelOf(account: Id, id: Id): SQL<Truth> {
  const isOwn = all(same(own.account_id, account), same(own.id, id));
  const owner = scalar(select({ account_id: own.account_id }).from(own).where(isOwn));
  return all(same(l.account_id, coalesce(owner, shared)), same(l.id, id));
}

/**
 * Returns SQL that is true if the label `l` allows the value. Bounds are inclusive. The value of a
 * categorical or ordinal label is an index into its categories, from 0.
 */
const allows = (value: SQL<number>) => sql<Truth>`CASE ${l.value_type}
  WHEN 'binary' THEN ${value} IN (0, 1)
  WHEN 'continuous' THEN ${value} BETWEEN coalesce(${l.min_value}, ${value})
    AND coalesce(${l.max_value}, ${value})
  ELSE ${value} >= 0 AND ${value} < json_array_length(${l.categories}) AND ${value} = round(${value})
END`;

/**
 * Returns SQL that is true if the account's label with this id meets the condition. If the label is
 * missing, the result is `otherwise`.
 * An own label takes precedence over the shared label with the same id. `coalesce` searches for the
 * shared label only if the account has no own label. So the SQL reads an own label only once. With
 * `isLabelOf`, the SQL would read it twice.
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

/**
 * Returns SQL that is true if a create may store the value: the label exists, is not archived, and
 * allows the value.
 */
export const allowsCreate = (account: Id, id: Id, value: SQL<number>): SQL<Truth> =>
  labelMeets(account, id, all(allows(value), sql`${l.archived_at} IS NULL`), 0);

/**
 * Returns SQL that is true if an update may store the value. An archived label still restricts
 * updates. If the label is missing, the update may store every finite value, because the label may
 * be inserted later than its evaluations.
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
