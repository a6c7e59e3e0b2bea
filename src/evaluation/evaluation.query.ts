/** What several statements on evaluations ask, each written once. */
import { eq, getTableColumns, sql } from 'drizzle-orm';
import { all } from '../db/compile.ts';
import { runEvaluation } from '../db/schema.ts';
import type { AccountId } from '../principal.ts';

/** The evaluation that a path names, and the account of the token. */
export type Scope = { readonly id: string; readonly run_id: string; readonly account: AccountId };

/** The evaluation of that path, if it is the account's. */
export const inScope = all(
  eq(runEvaluation.account_id, sql.placeholder('account')),
  eq(runEvaluation.id, sql.placeholder('id')),
  eq(runEvaluation.run_id, sql.placeholder('run_id')),
);

const { write_id, ...columns } = getTableColumns(runEvaluation);
/** The twelve columns that are the resource. */
export const resourceColumns = columns;
