/** What the page of a link shows: the evaluation, its label, and the values before. */
import { eq, sql } from 'drizzle-orm';
import { all, compile, literal, orm } from '../db/compile.ts';
import { evaluationLabel, runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import {
  inScope,
  isNotRevoked,
  type LinkScope,
  resourceColumns,
  type Scope,
} from '../evaluation/evaluation.query.ts';
import type { EvaluationRow } from '../evaluation/evaluation.ts';
import type { LabelRow } from '../label/label.ts';
import { isLabelOf, ruleColumns } from '../label/rule.query.ts';
import type { RuleRow } from '../label/rule.ts';

/** How many values before the present one are shown. */
const EARLIER_MAX_ROWS = 30;

/** A row of which the label may be missing; `earlier` is a JSON array of the values that were replaced, oldest first. */
export type PageRow = EvaluationRow &
  OrNulls<RuleRow & Pick<LabelRow, 'name' | 'description'>> & { readonly earlier: string };

const { value, replaced_at, account_id, evaluation_id } = runEvaluationHistory;

const earlier = sql<string>`(
  SELECT json_group_array(value ORDER BY replaced_at) FROM (
    SELECT ${value}, ${replaced_at} FROM ${runEvaluationHistory}
    WHERE ${all(eq(account_id, sql.placeholder('account')), eq(evaluation_id, sql.placeholder('id')))}
    ORDER BY ${replaced_at} DESC
    LIMIT ${literal(EARLIER_MAX_ROWS)}
  )
)`;

/** No row if there is no such evaluation, or if the link is revoked. */
export const readLinkPage = compile<Scope & LinkScope, PageRow>(
  orm
    .select({
      ...resourceColumns,
      name: evaluationLabel.name,
      description: evaluationLabel.description,
      ...ruleColumns,
      earlier: earlier.as('earlier'),
    })
    .from(runEvaluation)
    .leftJoin(
      evaluationLabel,
      isLabelOf(sql`${runEvaluation.account_id}`, sql`${runEvaluation.evaluation_label_id}`),
    )
    .where(all(inScope, isNotRevoked)),
);
