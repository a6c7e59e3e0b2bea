/**
 * The SQL of the reads: one evaluation, the evaluations of a run, and the replaced values of an
 * evaluation.
 */
import { asc, desc, getTableColumns, sql } from 'drizzle-orm';
import { accountQuery, all, below, e, h, param, same, select, type Truth } from '../db/query.ts';
import { isInScope, resourceColumns, SCOPE } from './evaluation.query.ts';

export const getEvaluation = accountQuery(SCOPE, (p) =>
  select(resourceColumns).from(e).where(isInScope(p)),
);

/**
 * Returns the oldest row first, and rows of the same millisecond in the order of their ids, so that
 * each page continues after its cursor.
 */
export const listEvaluations = accountQuery(
  {
    account: SCOPE.account,
    run_id: SCOPE.run_id,
    /** The position of the previous page's last row. On the first page both texts are empty. */
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
 * Returns the newest entry first. Returns no row if the evaluation does not exist, and one row of
 * NULLs if no value was replaced.
 */
export const listReplacedValues = accountQuery(
  {
    ...SCOPE,
    /** The `replaced_at` of the last entry of the previous page; `~` comes after all times. */
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
