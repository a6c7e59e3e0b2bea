/** SQL that reads evaluations and their replaced values. */
import { asc, desc, getTableColumns, sql } from 'drizzle-orm';
import { accountQuery, all, below, e, h, param, same, select, type Truth } from '../db/query.ts';
import { isInScope, resourceColumns, SCOPE } from './evaluation.query.ts';

export const getEvaluation = accountQuery(SCOPE, (p) =>
  select(resourceColumns).from(e).where(isInScope(p)),
);

/**
 * Returns evaluations of a run, oldest first. `created_at` and `id` together are a unique position
 * in the list.
 */
export const listEvaluations = accountQuery(
  {
    account: SCOPE.account,
    run_id: SCOPE.run_id,
    /** The position of the last row on the previous page; empty texts for the first page. */
    after_created_at: param<string>(),
    after_id: param<string>(),
    limit: param<number>(),
  },
  (p) =>
    select(resourceColumns)
      .from(e)
      .where(
        all(
          same(e.account_id, p.account),
          same(e.run_id, p.run_id),
          sql<Truth>`(${e.created_at}, ${e.id}) > (${p.after_created_at}, ${p.after_id})`,
        ),
      )
      .orderBy(asc(e.created_at), asc(e.id))
      .limit(p.limit.placeholder),
);

const { account_id, write_id, ...replacedColumns } = getTableColumns(h);

/**
 * Returns the replaced values of an evaluation, newest first. If the evaluation exists but has no
 * replaced values, returns one row of NULLs.
 */
export const listReplacedValues = accountQuery(
  {
    ...SCOPE,
    /** The last `replaced_at` on the previous page, or `~`, which sorts after all times. */
    before: param<string>(),
    limit: param<number>(),
  },
  (p) =>
    select({ replaced: replacedColumns })
      .from(e)
      .leftJoin(
        h,
        all(
          same(h.account_id, e.account_id),
          same(h.evaluation_id, e.id),
          below(h.replaced_at, p.before),
        ),
      )
      .where(isInScope(p))
      .orderBy(desc(h.replaced_at))
      .limit(p.limit.placeholder),
);
