/**
 * SQL that creates an evaluation, and SQL that explains why a create stored nothing. Both
 * statements run in one transaction.
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

/** Inserts the evaluation and returns its row, if all conditions are true. */
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

/** The oldest row of the history contains the value that the create stored. */
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
 * Returns the label and the evaluation that already has the id. The columns of a missing row are
 * NULL.
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
