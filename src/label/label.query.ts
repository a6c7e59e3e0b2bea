/** What several statements on labels ask, each written once. */
import { eq, getTableColumns, sql } from 'drizzle-orm';
import { all } from '../db/compile.ts';
import { evaluationLabel } from '../db/schema.ts';
import type { AccountId } from '../principal.ts';

/** The label that a path names, and the account of the token. */
export type Scope = { readonly id: string; readonly account: AccountId };

/** The account's own label of that id. */
export const isOwn = all(
  eq(evaluationLabel.account_id, sql.placeholder('account')),
  eq(evaluationLabel.id, sql.placeholder('id')),
);

const { create_digest, write_id, ...columns } = getTableColumns(evaluationLabel);
/** The thirteen columns that are the resource. */
export const resourceColumns = columns;
