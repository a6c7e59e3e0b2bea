/** The reads: one label, and those that an account sees. */
import { asc, eq, sql } from 'drizzle-orm';
import { alias, unionAll } from 'drizzle-orm/sqlite-core';
import { all, compile, orm } from '../db/compile.ts';
import { evaluationLabel } from '../db/schema.ts';
import type { AccountId } from '../principal.ts';
import { resourceColumns, type Scope } from './label.query.ts';
import type { LabelRow } from './label.ts';
import { isLabelOf, shared } from './rule.query.ts';

const account = sql`${sql.placeholder('account')}`;

export const getEvaluationLabel = compile<Scope, LabelRow>(
  orm
    .select(resourceColumns)
    .from(evaluationLabel)
    .where(isLabelOf(account, sql`${sql.placeholder('id')}`)),
);

export type ListParams = {
  readonly account: AccountId;
  /** The last row of the page before; two empty texts come before all rows. */
  readonly after_created_at: string;
  readonly after_id: string;
  readonly limit: number;
};

const isAfter = sql`(${evaluationLabel.created_at}, ${evaluationLabel.id}) > (${sql.placeholder('after_created_at')}, ${sql.placeholder('after_id')})`;

const own = alias(evaluationLabel, 'own');
const isHidden = sql`EXISTS (SELECT 1 FROM ${evaluationLabel} AS own
  WHERE ${own.account_id} = ${account} AND ${own.id} = ${evaluationLabel.id})`;

/**
 * The own labels and the shared ones, but for those that an own one hides: each id is the label that it gets. Oldest first;
 * those of the same millisecond by id. SQLite merges two searches of one index, and reads no further than the limit.
 */
export const listEvaluationLabels = compile<ListParams, LabelRow>(
  unionAll(
    orm
      .select(resourceColumns)
      .from(evaluationLabel)
      .where(all(eq(evaluationLabel.account_id, account), isAfter)),
    orm
      .select(resourceColumns)
      .from(evaluationLabel)
      .where(all(eq(evaluationLabel.account_id, shared), sql`NOT ${isHidden}`, isAfter)),
  )
    .orderBy(asc(evaluationLabel.created_at), asc(evaluationLabel.id))
    .limit(sql.placeholder('limit')),
);
