/**
 * The SQL that creates a label, and the read that explains why nothing was created. Both statements
 * run in one transaction.
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
  /** A digest of the submitted content. */
  create_digest: param<string>(),
};

/**
 * Inserts the label and returns its row. Inserts nothing if the account already has a label with
 * this id, or if a shared label has this id.
 * An account's own label takes precedence over a shared label with the same id. Suppose that an
 * account created a label with a shared label's id. Then the account's evaluations under the shared
 * label would suddenly have another rule for their values.
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
 * Explains why the create stored nothing: returns the label that already has the id. Returns no row
 * if the create stored its row.
 */
export const explainCreateEvaluationLabel = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    label: resourceColumns,
    /**
     * Is 1 if the account created the label with the same content, even if an update has changed
     * the label since.
     */
    is_same: all(same(l.account_id, p.account), is(l.create_digest, p.create_digest)).as('is_same'),
    is_own_write: is(l.write_id, p.write_id).as('is_own_write'),
  })
    .from(ifNothingChanged(p))
    .leftJoin(l, isLabelOf(p.account, p.id)),
);
