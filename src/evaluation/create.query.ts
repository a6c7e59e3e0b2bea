/** The create, and the query that explains why it stored nothing. */
import { eq, getTableColumns, sql } from 'drizzle-orm';
import { all, compile, orm } from '../db/compile.ts';
import { evaluationLabel, runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import type { LabelRow } from '../label/label.ts';
import { isLegal, isVisibleTo, ruleColumns } from '../label/rule.query.ts';
import type { EvaluationRow } from './evaluation.ts';
import type { Scope } from './scope.query.ts';

export type NewEvaluation = Scope & {
  readonly evaluation_label_id: string;
  readonly value: number;
  readonly output_name: string | null;
  readonly field_path: string | null;
  /** The author, from the verified token. */
  readonly subject: string;
  readonly now: string;
};

/**
 * Why a create stored nothing: whether there is a label that the account may use, its rule, and the stored
 * evaluation of the same id, whose columns are NULL where there is none or it is another account's.
 */
export type CreateExplanation = LabelRow &
  (EvaluationRow | { readonly [column in keyof EvaluationRow]: null }) & {
    readonly id_is_taken: 0 | 1;
    readonly is_same: 0 | 1;
    readonly has_label: 0 | 1;
    readonly is_legal: 0 | 1;
  };

const param = (name: keyof NewEvaluation) => sql`${sql.placeholder(name)}`;

/** The label, if the account may use it. */
const isLabel = all(eq(evaluationLabel.id, param('evaluation_label_id')), isVisibleTo(param('account')));

const idIsTaken = sql<0 | 1>`EXISTS (SELECT 1 FROM ${runEvaluation} WHERE ${runEvaluation.id} = ${param('id')})`;

/** The value an evaluation was created with: what was replaced first, or else what is there. */
const firstValue = sql`coalesce((
  SELECT ${runEvaluationHistory.value} FROM ${runEvaluationHistory}
  WHERE ${runEvaluationHistory.evaluation_id} = ${runEvaluation.id} ORDER BY ${runEvaluationHistory.replaced_at} LIMIT 1
), ${runEvaluation.value})`;

/** The stored evaluation of that id was created with the same content: this is a repetition, whatever came after. */
const isSame = sql<0 | 1>`${all(
  eq(runEvaluation.run_id, param('run_id')),
  eq(runEvaluation.evaluation_label_id, param('evaluation_label_id')),
  sql`${runEvaluation.output_name} IS ${param('output_name')}`,
  sql`${runEvaluation.field_path} IS ${param('field_path')}`,
  sql`${firstValue} = ${param('value')}`,
)} IS TRUE`;

/** Returns the row; nothing where the label is not to be had, does not allow the value, or the id is taken. */
export const createEvaluation = compile<NewEvaluation, EvaluationRow>(
  orm
    .insert(runEvaluation)
    .select(
      orm
        .select({
          id: param('id').as('id'),
          account_id: param('account').as('account_id'),
          run_id: param('run_id').as('run_id'),
          output_name: param('output_name').as('output_name'),
          field_path: param('field_path').as('field_path'),
          evaluation_label_id: evaluationLabel.id,
          value: param('value').as('value'),
          created_by: param('subject').as('created_by'),
          created_by_evaluator_id: sql`NULL`.as('created_by_evaluator_id'),
          created_at: param('now').as('created_at'),
          updated_by: sql`NULL`.as('updated_by'),
          updated_at: sql`NULL`.as('updated_at'),
        })
        .from(evaluationLabel)
        .where(all(isLabel, isLegal, sql`NOT ${idIsTaken}`)),
    )
    .returning(),
);

/** Returns one row, always. */
export const explainCreateEvaluation = compile<NewEvaluation, CreateExplanation>(
  orm
    .select({
      ...getTableColumns(runEvaluation),
      id_is_taken: idIsTaken.as('id_is_taken'),
      is_same: isSame.as('is_same'),
      has_label: sql<0 | 1>`${evaluationLabel.id} IS NOT NULL`.as('has_label'),
      is_legal: isLegal.as('is_legal'),
      ...ruleColumns,
    })
    .from(sql`(SELECT 1)`)
    .leftJoin(evaluationLabel, isLabel)
    .leftJoin(runEvaluation, all(eq(runEvaluation.id, param('id')), eq(runEvaluation.account_id, param('account')))),
);
