/**
 * Evaluations in D1. One accepted operation is one statement that carries its own conditions; the principal
 * is the first argument of each function, its account part of each WHERE. Knows nothing of HTTP.
 */
import { and, eq, fillPlaceholders, type Query, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { runEvaluation } from '../db/schema';
import { opens, type Principal } from '../principal';
import { type EvaluationRow, type RunEvaluation, resourceOf } from './evaluation';

/** Which evaluation: both ids in lower case, as they are stored. */
export type EvaluationPath = { readonly run_id: string; readonly id: string };

export type EvaluationChange = {
  readonly value: number;
  /** The time of the write. Its author is the principal. */
  readonly at: Date;
};

export type EvaluationStore = ReturnType<typeof createEvaluationStore>;

export function createEvaluationStore(db: D1Database) {
  const update = compile<EvaluationRow>(
    db,
    drizzle(db)
      .update(runEvaluation)
      .set({
        value: sql`${sql.placeholder('value')}`,
        updated_by: sql`${sql.placeholder('updated_by')}`,
        updated_at: sql`${sql.placeholder('updated_at')}`,
      })
      .where(
        and(
          eq(runEvaluation.id, sql.placeholder('id')),
          eq(runEvaluation.run_id, sql.placeholder('run_id')),
          eq(runEvaluation.account_id, sql.placeholder('account')),
        ),
      )
      .returning(),
  );

  return {
    /** The row as stored, or undefined where the principal has no such evaluation of that run. */
    async updateEvaluation(
      principal: Principal,
      path: EvaluationPath,
      change: EvaluationChange,
    ): Promise<RunEvaluation | undefined> {
      if (!opens(principal, path)) return undefined;
      const [row] = await update({
        ...path,
        account: principal.account,
        value: change.value,
        updated_by: principal.subject,
        updated_at: change.at.toISOString(),
      });
      return row && resourceOf(row);
    },
  };
}

/**
 * Turns a drizzle query into SQL text once; the function it returns only binds and runs it. Building a query
 * anew for each request costs about as much CPU as all else in the request together.
 */
function compile<Row>(db: D1Database, query: { toSQL(): Query }) {
  const { sql: text, params } = query.toSQL();
  return async (values: Record<string, unknown>): Promise<Row[]> => {
    const { results } = await db
      .prepare(text)
      .bind(...fillPlaceholders(params, values))
      .all<Row>();
    return results;
  };
}
