/** SQL that reads one label, or lists the labels that an account may use. */
import { asc, sql } from 'drizzle-orm';
import { alias, unionAll } from 'drizzle-orm/sqlite-core';
import { accountQuery, all, l, param, same, select, some, type Truth } from '../db/query.ts';
import { evaluationLabel } from '../db/schema.ts';
import { resourceColumns, SCOPE } from './label.query.ts';
import { isLabelOf, shared } from './rule.query.ts';

export const getEvaluationLabel = accountQuery(SCOPE, (p) =>
  select(resourceColumns).from(l).where(isLabelOf(p.account, p.id)),
);

const own = alias(evaluationLabel, 'o');

/**
 * Returns the account's own labels and the shared labels, oldest first. SQLite merges two searches
 * of one index, and stops at the limit.
 */
export const listEvaluationLabels = accountQuery(
  {
    account: SCOPE.account,
    /** The position of the last row on the previous page; empty texts for the first page. */
    after_created_at: param<string>(),
    after_id: param<string>(),
    limit: param<number>(),
  },
  (p) => {
    const isAfter = sql<Truth>`(${l.created_at}, ${l.id}) > (${p.after_created_at}, ${p.after_id})`;
    const isHidden = some(own, all(same(own.account_id, p.account), same(own.id, l.id)));
    const isShared = all(same(l.account_id, shared), sql`NOT ${isHidden}`, isAfter);
    return unionAll(
      select(resourceColumns)
        .from(l)
        .where(all(same(l.account_id, p.account), isAfter)),
      select(resourceColumns).from(l).where(isShared),
    )
      .orderBy(asc(l.created_at), asc(l.id))
      .limit(p.limit.placeholder);
  },
);
