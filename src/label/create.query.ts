/**
 * SQL that creates a label, and SQL that explains why a create stored nothing. Both statements run
 * in one transaction.
 */
import { sql } from 'drizzle-orm';
import {
  accountQuery,
  all,
  insertIf,
  is,
  l,
  param,
  query,
  same,
  select,
  some,
} from '../db/query.ts';
import { evaluationLabel } from '../db/schema.ts';
import { ALONE, ifNothingChanged } from '../db/write.query.ts';
import { resourceColumns, SCOPE } from './label.query.ts';
import type { LabelRow } from './read.ts';
import { isLabelOf } from './rule.query.ts';

const WRITE = {
  ...SCOPE,
  write_id: param<string>(),
  /** A digest of the content that the caller sent. */
  create_digest: param<string>(),
};

/**
 * Inserts the label and returns its row, unless an own or shared label has this id. An own label
 * with a shared label's id would change the rule for existing evaluations.
 */
export const createEvaluationLabel = query(
  {
    ...WRITE,
    name: param<string>(),
    description: param<string | null>(),
    value_type: param<LabelRow['value_type']>(),
    min_value: param<number | null>(),
    max_value: param<number | null>(),
    categories: param<string | null>(),
    subject: param<string>(),
    now: param<string>(),
  },
  ({ account, subject, now, ...values }) =>
    insertIf(
      evaluationLabel,
      {
        ...values,
        account_id: account,
        archived_at: sql<null>`NULL`,
        created_by: subject,
        created_at: now,
        updated_by: sql<null>`NULL`,
        updated_at: sql<null>`NULL`,
      },
      sql`NOT ${some(l, isLabelOf(account, values.id))}`,
    ).returning(resourceColumns),
);

/** Returns the label that already has the id. */
export const explainCreateEvaluationLabel = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    label: resourceColumns,
    /** 1 if the account created this label with the content that this request has. */
    is_same: all(same(l.account_id, p.account), is(l.create_digest, p.create_digest)).as('is_same'),
    is_own_write: is(l.write_id, p.write_id).as('is_own_write'),
  })
    .from(ifNothingChanged(p))
    .leftJoin(l, isLabelOf(p.account, p.id)),
);
