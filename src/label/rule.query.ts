/** The rule of an evaluation label as SQL: conditions that any statement on evaluations can carry. */
import { type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { all, literal } from '../db/compile.ts';
import { evaluationLabel, SHARED_ACCOUNT } from '../db/schema.ts';

const value = sql.placeholder('value');

/**
 * Whether a label allows the value: bounds are inclusive, an absent bound is open, categories are counted from 0. A
 * label that cannot be read allows nothing: what is unknown comes out as NULL, and only TRUE is legal.
 */
const isLegal = sql`(CASE ${evaluationLabel.value_type}
  WHEN 'binary' THEN ${value} IN (0, 1)
  WHEN 'continuous' THEN ${value} >= coalesce(${evaluationLabel.min_value}, ${value})
    AND ${value} <= coalesce(${evaluationLabel.max_value}, ${value})
  ELSE ${value} IN (SELECT key FROM json_each(${evaluationLabel.categories}))
    AND NOT EXISTS (SELECT 1 FROM json_each(${evaluationLabel.categories}) WHERE json_each.type <> 'text')
END IS TRUE)`;

const shared = literal(SHARED_ACCOUNT);
const isLegalUnder = (account: SQL, id: SQL) =>
  sql`(SELECT ${isLegal} FROM ${evaluationLabel} WHERE ${evaluationLabel.account_id} = ${account} AND ${evaluationLabel.id} = ${id})`;

/**
 * Whether the label of that id allows the value: 1 or 0, or `otherwise` if there is no such label. The account's own label
 * goes before a shared one. One of another account counts as missing: its rule would reveal a stranger's categories.
 * Reads one row: coalesce stops at the first that is there.
 */
export const isAllowedBy = (account: SQL, id: SQL, otherwise: 0 | 1) =>
  sql`coalesce(${isLegalUnder(account, id)}, ${isLegalUnder(shared, id)}, ${literal(otherwise)})`;

const own = alias(evaluationLabel, 'own');

/** The label whose rule `isAllowedBy` applies, as the condition of a join. */
export const isLabelOf = (account: SQL, id: SQL) =>
  all(
    sql`${evaluationLabel.account_id} = coalesce((
      SELECT ${own.account_id} FROM ${evaluationLabel} AS own WHERE ${own.account_id} = ${account} AND ${own.id} = ${id}
    ), ${shared})`,
    sql`${evaluationLabel.id} = ${id}`,
  );

/** The columns that make a label's rule, for the sentence that explains it (label.ts). */
export const ruleColumns = {
  value_type: evaluationLabel.value_type,
  min_value: evaluationLabel.min_value,
  max_value: evaluationLabel.max_value,
  categories: evaluationLabel.categories,
};
