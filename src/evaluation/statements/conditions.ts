/** What several statements ask of a row or a label, each written once. */
import { eq, type SQL, sql } from 'drizzle-orm';
import { evaluationLabel, runEvaluation, SHARED_ACCOUNT } from '../../db/schema.ts';
import type { AccountId } from '../../principal.ts';

/** The evaluation that a path names, and the account that a token opens. */
export type Scope = { readonly id: string; readonly run_id: string; readonly account: AccountId };

export const literal = (text: string) => sql.raw(`'${text}'`);

/** All of them. drizzle's own and() drops a condition that is undefined, and with it an account; this cannot. */
export const all = (...conditions: SQL[]): SQL => sql`(${sql.join(conditions, sql` AND `)})`;

/** The evaluation of that path, if it is the account's. */
export const inScope = all(
  eq(runEvaluation.id, sql.placeholder('id')),
  eq(runEvaluation.run_id, sql.placeholder('run_id')),
  eq(runEvaluation.account_id, sql.placeholder('account')),
);

/** A label of another account is as if it were not there: its rule would tell a stranger's categories. */
export const isVisibleTo = (account: SQL) =>
  sql`${evaluationLabel.account_id} IN (${account}, ${literal(SHARED_ACCOUNT)})`;

const value = sql.placeholder('value');

/**
 * The label's rule: bounds are inclusive, an absent one is open, categories are counted from 0. A label that cannot
 * be read allows nothing: what is not known comes out as NULL, and only TRUE is legal.
 */
export const isLegal = sql`(CASE ${evaluationLabel.value_type}
  WHEN 'binary' THEN ${value} IN (0, 1)
  WHEN 'continuous' THEN ${value} >= coalesce(${evaluationLabel.min_value}, ${value})
    AND ${value} <= coalesce(${evaluationLabel.max_value}, ${value})
  ELSE ${value} IN (SELECT key FROM json_each(${evaluationLabel.categories}))
    AND NOT EXISTS (SELECT 1 FROM json_each(${evaluationLabel.categories}) WHERE json_each.type <> 'text')
END IS TRUE)`;

/** The columns that make a label's rule, for the words that explain it. */
export const ruleColumns = {
  value_type: evaluationLabel.value_type,
  min_value: evaluationLabel.min_value,
  max_value: evaluationLabel.max_value,
  categories: evaluationLabel.categories,
};
