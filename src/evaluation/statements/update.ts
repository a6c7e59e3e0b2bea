/**
 * The update, and the question why it found nothing to change. Each condition stands here once: the update carries
 * it, the explanation asks which one failed.
 */
import { getTableColumns, sql } from 'drizzle-orm';
import { evaluationLabel, runEvaluation, runEvaluationHistory } from '../../db/schema';
import { compile, type Orm } from '../../db/statement';
import { type EvaluationRow, FIXED_FIELD_NAMES } from '../evaluation';
import type { LabelRow } from '../label';
import { all, inScope, isLegal, isVisibleTo, literal, ruleColumns, type Scope } from './conditions';

/** What the conditions of an update are judged against. */
export type UpdateConditions = Scope & {
  /** The time of the request, the same in each of its tries. */
  readonly now: string;
  /** The author of the change, from the verified token. */
  readonly subject: string;
  readonly value: number;
  /** The fixed fields that were sent, a JSON object. */
  readonly fixed: string;
  /** The versions of which one must be stored, a JSON array; null where any will do. */
  readonly versions: string | null;
};

/** The row as it is, its label's rule, and the conditions in the order in which they are told. */
export type UpdateExplanation = EvaluationRow &
  LabelRow & {
    readonly has_landed: 0 | 1;
    readonly is_current: 0 | 1;
    readonly changed_field: string | null;
    readonly is_allowed: 0 | 1;
  };

const given = (name: keyof UpdateConditions) => sql.placeholder(name);

/** The same as `versionOf`. */
const version = sql<string>`coalesce(${runEvaluation.updated_at}, ${runEvaluation.created_at})`;

/** What is asked for is stored already, by the same author: a retry. */
const isRepeated = sql`(${runEvaluation.value} = ${given('value')} AND ${runEvaluation.updated_by} IS ${given('subject')} AND ${runEvaluation.updated_at} IS NOT NULL)`;

/**
 * An earlier try of this request was stored, its answer lost, and another writer has replaced the value since: storing
 * it again would undo what that writer was told is stored.
 */
const hasLanded = sql<0 | 1>`EXISTS (
  SELECT 1 FROM ${runEvaluationHistory}
  WHERE ${runEvaluationHistory.evaluation_id} = ${runEvaluation.id} AND ${runEvaluationHistory.replaced_at} > ${given('now')}
    AND ${runEvaluationHistory.updated_at} = ${given('now')} AND ${runEvaluationHistory.updated_by} = ${given('subject')}
    AND ${runEvaluationHistory.value} = ${given('value')}
)`;

/**
 * A retry succeeds even where its precondition was true only before the first try, whose answer was lost
 * (RFC 9110 §13.1.1 allows for it).
 */
const isCurrent = sql<
  0 | 1
>`(${given('versions')} IS NULL OR ${version} IN (SELECT value FROM json_each(${given('versions')})) OR ${isRepeated})`;

/** The first fixed field that was sent with another value than is stored. */
const changedField = sql<string | null>`(
  SELECT json_each.key FROM json_each(${given('fixed')}) WHERE json_each.value IS NOT CASE json_each.key
    ${sql.join(
      FIXED_FIELD_NAMES.map((name) => sql`WHEN ${literal(name)} THEN ${runEvaluation[name]}`),
      sql` `,
    )}
  END
)`;

const labelOfEvaluation = all(
  sql`${evaluationLabel.id} = ${runEvaluation.evaluation_label_id}`,
  isVisibleTo(sql`${runEvaluation.account_id}`),
);

/** A repetition stores nothing, so it cannot store what a label that arrived or changed since would not allow. */
const isAllowed = sql<0 | 1>`(${isRepeated} OR NOT EXISTS (
  SELECT 1 FROM ${evaluationLabel} WHERE ${labelOfEvaluation} AND NOT ${isLegal}
))`;

/** Strictly later than the version it replaces, whatever the clocks of two edges say. */
const nextUpdatedAt = sql`max(${given('now')}, strftime('%Y-%m-%dT%H:%M:%fZ', ${version}, '+0.001 seconds'))`;

/** Returns the row, changed or repeated; nothing where a condition failed. */
export const compileUpdate = (orm: Orm) =>
  compile<UpdateConditions, EvaluationRow>(
    orm
      .update(runEvaluation)
      .set({
        value: sql`${given('value')}`,
        updated_by: sql`${given('subject')}`,
        updated_at: sql`CASE WHEN ${isRepeated} THEN ${runEvaluation.updated_at} ELSE ${nextUpdatedAt} END`,
      })
      .where(all(inScope, sql`NOT ${hasLanded}`, isCurrent, sql`${changedField} IS NULL`, isAllowed))
      .returning(),
  );

/** Returns nothing where the account has no such evaluation. */
export const compileUpdateExplanation = (orm: Orm) =>
  compile<UpdateConditions, UpdateExplanation>(
    orm
      .select({
        ...getTableColumns(runEvaluation),
        has_landed: hasLanded.as('has_landed'),
        is_current: isCurrent.as('is_current'),
        changed_field: changedField.as('changed_field'),
        is_allowed: isAllowed.as('is_allowed'),
        ...ruleColumns,
      })
      .from(runEvaluation)
      .leftJoin(evaluationLabel, labelOfEvaluation)
      .where(inScope),
  );
