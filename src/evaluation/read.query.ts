/** SQL that reads evaluations, and the values that updates have replaced. */
import { asc, desc, getTableColumns, sql } from 'drizzle-orm';
import { accountQuery, all, below, e, h, param, same, select, type Truth } from '../db/query.ts';
import { isInScope, resourceColumns, SCOPE } from './evaluation.query.ts';

export const getEvaluation = accountQuery(SCOPE, (p) =>
  select(resourceColumns).from(e).where(isInScope(p)),
);

/**
 * Returns evaluations of a run, oldest first. If two evaluations were created in the same
 * millisecond, the smaller id comes first. So `created_at` and `id` together are a unique position
 * in the list, and a cursor can contain them.
 */
export const listEvaluations = accountQuery(
  {
    account: SCOPE.account,
    run_id: SCOPE.run_id,
    /**
     * The `created_at` and the `id` of the last row on the previous page. For the first page, both
     * are empty texts.
     */
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
 * Returns the values of an evaluation that updates have replaced, newest first. If the evaluation
 * exists but has no such values, returns one row of NULLs. If the evaluation does not exist,
 * returns no row. So read.ts can throw `not_found` only for a missing evaluation.
 */
export const listReplacedValues = accountQuery(
  {
    ...SCOPE,
    /**
     * The `replaced_at` of the last entry on the previous page. For the first page it is `~`, which
     * sorts after all times.
     */
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
