/** Which label an evaluation has, and whether it allows a value, as SQL that any statement on evaluations can carry. */
import { type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { all, literal } from '../db/compile.ts';
import { evaluationLabel } from '../db/schema.ts';
import { SHARED_ACCOUNT } from '../principal.ts';

const value = sql.placeholder('value');

/** Whether a label allows the value: bounds are inclusive, an absent bound is open, categories are counted from 0. */
const isLegal = sql`(CASE ${evaluationLabel.value_type}
  WHEN 'binary' THEN ${value} IN (0, 1)
  WHEN 'continuous' THEN ${value} >= coalesce(${evaluationLabel.min_value}, ${value})
    AND ${value} <= coalesce(${evaluationLabel.max_value}, ${value})
  ELSE ${value} >= 0 AND ${value} < json_array_length(${evaluationLabel.categories})
    AND ${value} = CAST(${value} AS INTEGER)
END)`;

/** An archived label allows no new evaluation, and goes on judging those that it has. */
const isLegalAndNotArchived = all(isLegal, sql`${evaluationLabel.archived_at} IS NULL`);

export const shared = literal(SHARED_ACCOUNT);

/**
 * What holds of the label of that id: 1 or 0, or `otherwise` if there is no such label. The account's own label goes before
 * a shared one. One of another account counts as missing: its rule would reveal a stranger's categories.
 * Reads one row: coalesce stops at the first that is there.
 */
function judge(account: SQL, id: SQL, condition: SQL, otherwise: 0 | 1): SQL {
  const judgeOf = (owner: SQL) =>
    sql`(SELECT ${condition} IS TRUE FROM ${evaluationLabel} WHERE ${evaluationLabel.account_id} = ${owner} AND ${evaluationLabel.id} = ${id})`;
  return sql`coalesce(${judgeOf(account)}, ${judgeOf(shared)}, ${literal(otherwise)})`;
}

/** For a new evaluation: the label must be there. */
export const allowsCreate = (account: SQL, id: SQL) => judge(account, id, isLegalAndNotArchived, 0);

/** For a correction: a label is reference data that may arrive later, and until then any finite value is allowed. */
export const allowsUpdate = (account: SQL, id: SQL) => judge(account, id, isLegal, 1);

const own = alias(evaluationLabel, 'own');

/** The label whose rule `isAllowedBy` applies, as the condition of a join. */
export const isLabelOf = (account: SQL, id: SQL) =>
  all(
    sql`${evaluationLabel.account_id} = coalesce((
      SELECT ${own.account_id} FROM ${evaluationLabel} AS own WHERE ${own.account_id} = ${account} AND ${own.id} = ${id}
    ), ${shared})`,
    sql`${evaluationLabel.id} = ${id}`,
  );

/** The columns that make a label's rule, for the sentence that explains it (rule.ts). */
export const ruleColumns = {
  value_type: evaluationLabel.value_type,
  min_value: evaluationLabel.min_value,
  max_value: evaluationLabel.max_value,
  categories: evaluationLabel.categories,
};
