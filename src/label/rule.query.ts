/** The rule of an evaluation label as SQL: conditions that any statement on evaluations can carry. */
import { type SQL, sql } from 'drizzle-orm';
import { literal } from '../db/compile.ts';
import { evaluationLabel, SHARED_ACCOUNT } from '../db/schema.ts';

/** A label of another account counts as missing: its rule would reveal a stranger's categories. */
export const isVisibleTo = (account: SQL) =>
  sql`${evaluationLabel.account_id} IN (${account}, ${literal(SHARED_ACCOUNT)})`;

const value = sql.placeholder('value');

/**
 * Whether the label allows the value: bounds are inclusive, an absent bound is open, categories are counted from 0. A
 * label that cannot be read allows nothing: what is unknown comes out as NULL, and only TRUE is legal.
 */
export const isLegal = sql`(CASE ${evaluationLabel.value_type}
  WHEN 'binary' THEN ${value} IN (0, 1)
  WHEN 'continuous' THEN ${value} >= coalesce(${evaluationLabel.min_value}, ${value})
    AND ${value} <= coalesce(${evaluationLabel.max_value}, ${value})
  ELSE ${value} IN (SELECT key FROM json_each(${evaluationLabel.categories}))
    AND NOT EXISTS (SELECT 1 FROM json_each(${evaluationLabel.categories}) WHERE json_each.type <> 'text')
END IS TRUE)`;

/** The columns that make a label's rule, for the sentence that explains it (label.ts). */
export const ruleColumns = {
  value_type: evaluationLabel.value_type,
  min_value: evaluationLabel.min_value,
  max_value: evaluationLabel.max_value,
  categories: evaluationLabel.categories,
};
