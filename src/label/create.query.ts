/**
 * SQL that creates a label: two statements in one transaction. If the first statement creates
 * nothing, the second reads the label that shows why.
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
  /**
   * A digest of the content that the caller sent. If a later create has the same digest, it has the
   * same content.
   */
  create_digest: param<string>(),
};

/**
 * Inserts the label and returns its row. If the account already has a label with this id, or if a
 * shared label has this id, inserts nothing.
 * A new label may not have the id of a shared label. An account's own label takes precedence over a
 * shared label with the same id. So the new label would suddenly change the rule for all
 * evaluations of the account under the shared label.
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
    /** The author, from the verified token. */
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

/**
 * Explains why the create stored nothing: returns the label that already has the id. If the create
 * stored the label, returns no row.
 */
export const explainCreateEvaluationLabel = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    label: resourceColumns,
    /**
     * 1 if the account created this label with the content that the request has. Later updates of
     * the label do not change the result.
     */
    is_same: all(same(l.account_id, p.account), is(l.create_digest, p.create_digest)).as('is_same'),
    is_own_write: is(l.write_id, p.write_id).as('is_own_write'),
  })
    .from(ifNothingChanged(p))
    .leftJoin(l, isLabelOf(p.account, p.id)),
);
