/** What several statements on evaluations ask, each written once. */
import { eq, getTableColumns, sql } from 'drizzle-orm';
import { all } from '../db/compile.ts';
import { revokedLink, runEvaluation } from '../db/schema.ts';
import type { AccountId } from '../principal.ts';

/** The evaluation that a path names, and the account of the token. */
export type Scope = { readonly id: string; readonly run_id: string; readonly account: AccountId };

/** The evaluation of that path, if it is the account's. */
export const inScope = all(
  eq(runEvaluation.account_id, sql.placeholder('account')),
  eq(runEvaluation.id, sql.placeholder('id')),
  eq(runEvaluation.run_id, sql.placeholder('run_id')),
);

/** A link to the evaluation, which expires at that time; nulls if the request comes through none. */
export type LinkScope = {
  readonly link_id: string | null;
  readonly link_expires_at: string | null;
};

/** The link is not revoked. Asked by the primary key, so that it reads one row or none. */
export const isNotRevoked = sql`NOT EXISTS (SELECT 1 FROM ${revokedLink} WHERE ${all(
  eq(revokedLink.account_id, sql.placeholder('account')),
  eq(revokedLink.expires_at, sql.placeholder('link_expires_at')),
  eq(revokedLink.evaluation_id, sql.placeholder('id')),
  eq(revokedLink.id, sql.placeholder('link_id')),
)})`;

const { write_id, ...columns } = getTableColumns(runEvaluation);
/** The twelve columns that are the resource. */
export const resourceColumns = columns;
