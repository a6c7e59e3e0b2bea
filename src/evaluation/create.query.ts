/**
 * SQL that creates an evaluation: two statements in one transaction. If the first statement creates
 * nothing, the second reads the rows that show why.
 */
import { min, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import {
  accountQuery,
  all,
  coalesce,
  e,
  h,
  type In,
  insertIf,
  is,
  l,
  param,
  query,
  same,
  scalar,
  select,
  some,
} from '../db/query.ts';
import { runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import { ALONE, ifNothingChanged } from '../db/write.query.ts';
import { allowsCreate, isLabelOf, ruleColumns } from '../label/rule.query.ts';
import { isNotDeletedSince, NOW, resourceColumns, SCOPE } from './evaluation.query.ts';

const KEY = { account: SCOPE.account, id: SCOPE.id };
const LABEL = { evaluation_label_id: param<string>() };
const WRITE = { write_id: param<string>() };

const hasTheId = (p: In<typeof KEY>) => all(same(e.account_id, p.account), same(e.id, p.id));

/**
 * Inserts the evaluation and returns its row, but only if all of these conditions are true:
 * - The label belongs to the account, or is shared.
 * - The label is not archived, and allows the value.
 * - The account has no evaluation with this id.
 * - No evaluation with this id was deleted after this request began.
 */
export const createEvaluation = query(
  {
    ...SCOPE,
    ...LABEL,
    ...WRITE,
    ...NOW,
    output_name: param<string | null>(),
    field_path: param<string | null>(),
    value: param<number>(),
    created_by: param<string | null>(),
    created_by_evaluator_id: param<string | null>(),
  },
  ({ account, now, ...values }) =>
    insertIf(
      runEvaluation,
      {
        ...values,
        account_id: account,
        created_at: now,
        updated_by: sql<null>`NULL`,
        updated_at: sql<null>`NULL`,
      },
      all(
        allowsCreate(account, values.evaluation_label_id, values.value),
        sql`NOT ${some(e, hasTheId({ account, id: values.id }))}`,
        isNotDeletedSince({ account, id: values.id, now }),
      ),
    ).returning(resourceColumns),
);

/**
 * The oldest row in the history of an evaluation. If an update replaces a value, the old value goes
 * into the history. So the oldest row contains the value that the create stored. If no value was
 * replaced, the history is empty.
 */
const f = alias(runEvaluationHistory, 'f');
const isHistory = all(same(h.account_id, e.account_id), same(h.evaluation_id, e.id));
const isFirst = all(
  same(f.account_id, e.account_id),
  same(f.evaluation_id, e.id),
  same(
    f.replaced_at,
    scalar(
      select({ at: min(h.replaced_at) })
        .from(h)
        .where(isHistory),
    ),
  ),
);

/**
 * Explains why the create stored nothing. Returns the label that the request names, and the
 * account's evaluation that already has the id. `created_value` is the value with which that
 * evaluation was created. If the label is missing, its columns are NULL. If no evaluation has the
 * id, the columns of the evaluation are NULL. If the create stored the evaluation, returns no row.
 */
export const explainCreateEvaluation = accountQuery(
  { ...KEY, ...LABEL, ...WRITE, ...NOW, ...ALONE },
  (p) =>
    select({
      evaluation: resourceColumns,
      created_value: coalesce(f.value, e.value).as('created_value'),
      is_own_write: is(coalesce(f.write_id, e.write_id), p.write_id).as('is_own_write'),
      is_not_deleted: isNotDeletedSince(p).as('is_not_deleted'),
      archived_at: l.archived_at,
      rule: ruleColumns,
    })
      .from(ifNothingChanged(p))
      .leftJoin(l, isLabelOf(p.account, p.evaluation_label_id))
      .leftJoin(e, hasTheId(p))
      .leftJoin(f, isFirst),
);
