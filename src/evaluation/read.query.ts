/** The reads: one evaluation, the evaluations of a run, and the replaced values of one. */
import { asc, desc, eq, getTableColumns, sql } from 'drizzle-orm';
import { all, compile, orm } from '../db/compile.ts';
import { runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import type { AccountId } from '../principal.ts';
import { inScope, resourceColumns, type Scope } from './evaluation.query.ts';
import type { EvaluationRow, ReplacedRow } from './evaluation.ts';

export const getEvaluation = compile<Scope, EvaluationRow>(
  orm.select(resourceColumns).from(runEvaluation).where(inScope),
);

export type ListValues = {
  readonly run_id: string;
  readonly account: AccountId;
  /** The label of which evaluations are listed; null for all. */
  readonly evaluation_label_id: string | null;
  /** The last row of the page before; two empty texts come before all rows. */
  readonly after_created_at: string;
  readonly after_id: string;
  readonly limit: number;
};

/** Oldest first; rows of the same millisecond by id, so that the order is total and a page follows its cursor. */
export const listEvaluations = compile<ListValues, EvaluationRow>(
  orm
    .select(resourceColumns)
    .from(runEvaluation)
    .where(
      all(
        eq(runEvaluation.account_id, sql.placeholder('account')),
        eq(runEvaluation.run_id, sql.placeholder('run_id')),
        sql`${runEvaluation.evaluation_label_id} = coalesce(${sql.placeholder('evaluation_label_id')}, ${runEvaluation.evaluation_label_id})`,
        sql`(${runEvaluation.created_at}, ${runEvaluation.id}) > (${sql.placeholder('after_created_at')}, ${sql.placeholder('after_id')})`,
      ),
    )
    .orderBy(asc(runEvaluation.created_at), asc(runEvaluation.id))
    .limit(sql.placeholder('limit')),
);

export type HistoryValues = Scope & {
  /** The `replaced_at` of the last entry of the page before; `~` comes after all times. */
  readonly before: string;
  readonly limit: number;
};

const { account_id, write_id, ...replacedColumns } = getTableColumns(runEvaluationHistory);

/** Newest first. No row if there is no such evaluation; one row of NULLs if nothing was replaced. */
export const listReplacedValues = compile<HistoryValues, OrNulls<ReplacedRow>>(
  orm
    .select(replacedColumns)
    .from(runEvaluation)
    .leftJoin(
      runEvaluationHistory,
      all(
        eq(runEvaluationHistory.account_id, runEvaluation.account_id),
        eq(runEvaluationHistory.evaluation_id, runEvaluation.id),
        sql`${runEvaluationHistory.replaced_at} < ${sql.placeholder('before')}`,
      ),
    )
    .where(inScope)
    .orderBy(desc(runEvaluationHistory.replaced_at))
    .limit(sql.placeholder('limit')),
);
