/**
 * The update, and the query that explains why it stored nothing. Each condition stands here once: the update carries it,
 * the explanation tells which one failed.
 */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { all, compile, literal, orm } from '../db/compile.ts';
import { evaluationLabel, runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import type { LabelRow } from '../label/label.ts';
import { isLegal, isVisibleTo, ruleColumns } from '../label/rule.query.ts';
import { type EvaluationRow, IMMUTABLE_FIELDS } from './evaluation.ts';
import { inScope, type Scope } from './scope.query.ts';

/** What the conditions of an update are judged against. */
export type UpdateConditions = Scope & {
  /** The time of the request, the same in each of its tries, which are counted from 1. */
  readonly now: string;
  readonly attempt: number;
  /** The author of the change, from the verified token. */
  readonly subject: string;
  readonly value: number;
  /** The immutable fields that were sent, a JSON object. */
  readonly immutable: string;
  /** The versions of which one must be stored, a JSON array; null where any will do. */
  readonly versions: string | null;
};

/** The row as it is, its label's rule, and the conditions in the order in which they are told. */
export type UpdateExplanation = EvaluationRow &
  LabelRow & {
    /** When an earlier try of the request was stored, if it was and was replaced since. */
    readonly landed_at: string | null;
    readonly precondition_holds: 0 | 1;
    readonly changed_field: string | null;
    readonly is_allowed: 0 | 1;
  };

const param = (name: keyof UpdateConditions) => sql.placeholder(name);

/** The same as `versionOf`. */
const version = sql<string>`coalesce(${runEvaluation.updated_at}, ${runEvaluation.created_at})`;

/** What is asked for is stored already, by the same author: a retry. */
const isReplay = sql`(${runEvaluation.value} = ${param('value')} AND ${runEvaluation.updated_by} IS ${param('subject')} AND ${runEvaluation.updated_at} IS NOT NULL)`;

/** Strictly later than the version it replaces, whatever the clocks of two edges say. */
const laterThan = (time: SQL) => sql`max(${param('now')}, strftime('%Y-%m-%dT%H:%M:%fZ', ${time}, '+0.001 seconds'))`;

const replaced = alias(runEvaluationHistory, 'replaced');
const before = alias(runEvaluationHistory, 'before');

/**
 * When an earlier try of this request was stored, where its answer was lost and another writer has replaced its value
 * since: storing it again would undo what that writer was told is stored. Known by the time that the try must have
 * given itself, from what it replaced in its turn. Only asked of a retry: of a first try it could only be mistaken.
 * (An entry is replaced after the request began: that only bounds the search.)
 */
const landedAt = sql<string | null>`(
  SELECT ${replaced.updated_at} FROM ${runEvaluationHistory} AS "replaced" JOIN ${runEvaluationHistory} AS "before"
    ON ${before.evaluation_id} = ${replaced.evaluation_id} AND ${before.replaced_at} = ${replaced.updated_at}
  WHERE ${param('attempt')} > 1 AND ${replaced.evaluation_id} = ${runEvaluation.id} AND ${replaced.replaced_at} > ${param('now')}
    AND ${replaced.value} = ${param('value')} AND ${replaced.updated_by} = ${param('subject')}
    AND ${replaced.updated_at} = ${laterThan(sql`${before.updated_at}`)}
)`;

/**
 * A retry succeeds even where its precondition was true only before the first try, whose answer was lost
 * (RFC 9110 §13.1.1 allows for it).
 */
const preconditionHolds = sql<
  0 | 1
>`(${param('versions')} IS NULL OR ${version} IN (SELECT value FROM json_each(${param('versions')})) OR ${isReplay})`;

/** The first immutable field that was sent with another value than is stored. */
const changedField = sql<string | null>`(
  SELECT json_each.key FROM json_each(${param('immutable')}) WHERE json_each.value IS NOT CASE json_each.key
    ${sql.join(
      IMMUTABLE_FIELDS.map((name) => sql`WHEN ${literal(name)} THEN ${runEvaluation[name]}`),
      sql` `,
    )}
  END
)`;

const labelOfEvaluation = all(
  sql`${evaluationLabel.id} = ${runEvaluation.evaluation_label_id}`,
  isVisibleTo(sql`${runEvaluation.account_id}`),
);

/** A repetition stores nothing, so it cannot store what a label that arrived or changed since would not allow. */
const isAllowed = sql<0 | 1>`(${isReplay} OR NOT EXISTS (
  SELECT 1 FROM ${evaluationLabel} WHERE ${labelOfEvaluation} AND NOT ${isLegal}
))`;

/** Returns the row, changed or repeated; nothing where a condition failed. */
export const updateEvaluation = compile<UpdateConditions, EvaluationRow>(
  orm
    .update(runEvaluation)
    .set({
      value: sql`${param('value')}`,
      updated_by: sql`${param('subject')}`,
      updated_at: sql`CASE WHEN ${isReplay} THEN ${runEvaluation.updated_at} ELSE ${laterThan(version)} END`,
    })
    .where(all(inScope, sql`${landedAt} IS NULL`, preconditionHolds, sql`${changedField} IS NULL`, isAllowed))
    .returning(),
);

/** Returns nothing where the account has no such evaluation. */
export const explainUpdateEvaluation = compile<UpdateConditions, UpdateExplanation>(
  orm
    .select({
      ...getTableColumns(runEvaluation),
      landed_at: landedAt.as('landed_at'),
      precondition_holds: preconditionHolds.as('precondition_holds'),
      changed_field: changedField.as('changed_field'),
      is_allowed: isAllowed.as('is_allowed'),
      ...ruleColumns,
    })
    .from(runEvaluation)
    .leftJoin(evaluationLabel, labelOfEvaluation)
    .where(inScope),
);
