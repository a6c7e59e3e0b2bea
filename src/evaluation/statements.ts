/**
 * The SQL of evaluations, written with drizzle and turned into text once per isolate. Each condition of a write
 * stands here once: the update carries it, and the explanation of a refusal asks which one failed.
 */
import { and, eq, fillPlaceholders, type Query, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { Statement } from '../db/client';
import { evaluationLabel, runEvaluation, SHARED_ACCOUNT } from '../db/schema';
import { type EvaluationRow, FIXED_FIELD_NAMES } from './evaluation';
import type { LabelRow } from './label';

/** What the conditions of an update are judged against. */
export type UpdateConditions = {
  readonly id: string;
  readonly run_id: string;
  readonly account: string;
  /** The author of the change, from the verified token. */
  readonly subject: string;
  readonly value: number;
  /** The fixed fields that were sent, a JSON object. */
  readonly fixed: string;
  /** The versions of which one must be stored, a JSON array; null where any will do. */
  readonly versions: string | null;
};

/** Why an update found nothing to change: the first that applies, in this order. */
export type Explanation = LabelRow & {
  readonly version: string;
  readonly is_current: 0 | 1;
  readonly changed_field: string | null;
  readonly is_illegal: 0 | 1;
  readonly evaluation_label_id: string;
};

const given = (name: keyof UpdateConditions | 'now') => sql.placeholder(name);
const literal = (text: string) => sql.raw(`'${text}'`);

/** The evaluation of that path, if it is the account's. */
const scope = and(
  eq(runEvaluation.id, given('id')),
  eq(runEvaluation.run_id, given('run_id')),
  eq(runEvaluation.account_id, given('account')),
);

/** The same as `versionOf`. */
const version = sql<string>`coalesce(${runEvaluation.updated_at}, ${runEvaluation.created_at})`;

/** What is asked for is stored already, by the same author: a retry. */
const isRepeated = sql`(${runEvaluation.value} = ${given('value')} AND ${runEvaluation.updated_by} IS ${given('subject')} AND ${runEvaluation.updated_at} IS NOT NULL)`;

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

/** A label of another account is as if it were not there: its rule would tell a stranger's categories. */
const labelOfEvaluation = sql`${evaluationLabel.id} = ${runEvaluation.evaluation_label_id} AND ${evaluationLabel.account_id} IN (${runEvaluation.account_id}, ${literal(SHARED_ACCOUNT)})`;

/**
 * The label's rule: bounds are inclusive, an absent one is open, categories are counted from 0. What cannot be
 * read comes out as NULL or false, and only TRUE lets a value pass.
 */
const isLegal = sql`CASE ${evaluationLabel.value_type}
  WHEN 'binary' THEN ${given('value')} IN (0, 1)
  WHEN 'continuous' THEN ${given('value')} >= coalesce(${evaluationLabel.min_value}, ${given('value')})
    AND ${given('value')} <= coalesce(${evaluationLabel.max_value}, ${given('value')})
  ELSE ${given('value')} IN (SELECT key FROM json_each(${evaluationLabel.categories}))
    AND NOT EXISTS (SELECT 1 FROM json_each(${evaluationLabel.categories}) WHERE json_each.type <> 'text')
END`;

const isIllegal = sql<
  0 | 1
>`EXISTS (SELECT 1 FROM ${evaluationLabel} WHERE ${labelOfEvaluation} AND (${isLegal}) IS NOT TRUE)`;

/** Strictly later than the version it replaces, whatever the clocks of two edges say. */
const nextUpdatedAt = sql`max(${given('now')}, strftime('%Y-%m-%dT%H:%M:%fZ', ${version}, '+0.001 seconds'))`;

export function createStatements(db: D1Database) {
  const orm = drizzle(db);
  return {
    /** Returns the row, changed or repeated; nothing where a condition failed. */
    update: compile<UpdateConditions & { readonly now: string }, EvaluationRow>(
      orm
        .update(runEvaluation)
        .set({
          value: sql`${given('value')}`,
          updated_by: sql`${given('subject')}`,
          updated_at: sql`CASE WHEN ${isRepeated} THEN ${runEvaluation.updated_at} ELSE ${nextUpdatedAt} END`,
        })
        .where(and(scope, isCurrent, sql`${changedField} IS NULL`, sql`NOT ${isIllegal}`))
        .returning(),
    ),

    /** Returns nothing where the account has no such evaluation. */
    explainUpdate: compile<UpdateConditions, Explanation>(
      orm
        .select({
          version: version.as('version'),
          is_current: isCurrent.as('is_current'),
          changed_field: changedField.as('changed_field'),
          is_illegal: isIllegal.as('is_illegal'),
          evaluation_label_id: runEvaluation.evaluation_label_id,
          value_type: evaluationLabel.value_type,
          min_value: evaluationLabel.min_value,
          max_value: evaluationLabel.max_value,
          categories: evaluationLabel.categories,
        })
        .from(runEvaluation)
        .leftJoin(evaluationLabel, labelOfEvaluation)
        .where(scope),
    ),
  };
}

/**
 * Turns a drizzle query into text once, so that a request only binds it. Building a query anew for each request
 * costs about as much CPU as all else in the request together.
 */
function compile<Values extends Record<string, unknown>, Row>(query: { toSQL(): Query }): Statement<Values, Row> {
  const { sql: text, params } = query.toSQL();
  return { bind: (db, values) => db.prepare(text).bind(...fillPlaceholders(params, values)) };
}
