/** The create, and the query that explains why it stored nothing. They run in one transaction. */
import { eq, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { all, compile, ifNothingChanged, orm, valuesOf } from '../db/compile.ts';
import { evaluationLabel, runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import { allowsCreate, isLabelOf, ruleColumns } from '../label/rule.query.ts';
import type { RuleRow } from '../label/rule.ts';
import { resourceColumns, type Scope } from './evaluation.query.ts';
import type { EvaluationRow } from './evaluation.ts';

/** Who creates it is from the verified token: a person, or an evaluator. */
export type CreateParams = Scope &
  Omit<
    typeof runEvaluation.$inferSelect,
    'account_id' | 'created_at' | 'updated_by' | 'updated_at'
  > & {
    readonly now: string;
  };

/** The account's evaluation of the same id, the label that the account may use, and what stood in the way. */
export type CreateExplanation = OrNulls<EvaluationRow> &
  OrNulls<RuleRow> & {
    readonly is_same: 0 | 1;
    /** An earlier attempt of this very request stored it. */
    readonly is_own_write: 0 | 1;
    readonly has_label: 0 | 1;
    /** Of the label. */
    readonly archived_at: string | null;
  };

const param = (name: keyof CreateParams) => sql`${sql.placeholder(name)}`;

const hasTheId = all(
  eq(runEvaluation.account_id, param('account')),
  eq(runEvaluation.id, param('id')),
);
const label = [param('account'), param('evaluation_label_id')] as const;

const values = valuesOf(runEvaluation, {
  account_id: param('account'),
  created_at: param('now'),
  updated_by: sql`NULL`,
  updated_at: sql`NULL`,
});

/** Returns the row; nothing if there is no such label, if it is archived or does not allow the value, or if the id is taken. */
export const createEvaluation = compile<CreateParams, EvaluationRow>(
  orm
    .insert(runEvaluation)
    .select(
      sql`SELECT ${values} WHERE ${all(
        allowsCreate(...label),
        sql`NOT EXISTS (SELECT 1 FROM ${runEvaluation} WHERE ${hasTheId})`,
      )}`,
    )
    .returning(resourceColumns),
);

/** What the evaluation was created with: its first history entry, or if it was never changed the row itself. */
const oldest = alias(runEvaluationHistory, 'oldest');
const isOldest = all(
  eq(oldest.account_id, runEvaluation.account_id),
  eq(oldest.evaluation_id, runEvaluation.id),
  sql`${oldest.replaced_at} = (
    SELECT min(${runEvaluationHistory.replaced_at}) FROM ${runEvaluationHistory}
    WHERE ${runEvaluationHistory.account_id} = ${runEvaluation.account_id}
      AND ${runEvaluationHistory.evaluation_id} = ${runEvaluation.id}
  )`,
);
const createdValue = sql`coalesce(${oldest.value}, ${runEvaluation.value})`;

/** The evaluation of that id was created with the same content: this is a repetition, whatever was updated since. */
const isSame = sql<0 | 1>`${all(
  eq(runEvaluation.run_id, param('run_id')),
  eq(runEvaluation.evaluation_label_id, param('evaluation_label_id')),
  sql`${runEvaluation.output_name} IS ${param('output_name')}`,
  sql`${runEvaluation.field_path} IS ${param('field_path')}`,
  sql`${createdValue} = ${param('value')}`,
)} IS TRUE`;

/** Returns nothing if the create stored the row. */
export const explainCreateEvaluation = compile<CreateParams, CreateExplanation>(
  orm
    .select({
      ...resourceColumns,
      is_same: isSame.as('is_same'),
      is_own_write:
        sql`coalesce(${oldest.write_id}, ${runEvaluation.write_id}) IS ${param('write_id')}`.as(
          'is_own_write',
        ),
      has_label: sql<0 | 1>`${evaluationLabel.id} IS NOT NULL`.as('has_label'),
      archived_at: evaluationLabel.archived_at,
      ...ruleColumns,
    })
    .from(ifNothingChanged)
    .leftJoin(evaluationLabel, isLabelOf(...label))
    .leftJoin(runEvaluation, hasTheId)
    .leftJoin(oldest, isOldest),
);
