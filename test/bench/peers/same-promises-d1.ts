/**
 * D1 for same-promises: a session, a limit to D1's time, transient errors retried, what it cost, no
 * answer for an account that lives in an object.
 * The statements are this Worker's own, because what they check and explain in one call is what is
 * promised.
 */
import { readAccountObject } from '../../../src/db/sql.generated.ts';
import type { RowOf, Statement } from '../../../src/db/statement.ts';
import type { EvaluationRow as Row } from '../../../src/evaluation/read.ts';
import * as sql from '../../../src/evaluation/sql.generated.ts';

export type { Row };
export type Explanation = RowOf<typeof sql.explainUpdateEvaluation>;

const D1_MAX_MS = 5000;
const ATTEMPTS = 4;
const TRANSIENT =
  /Network connection lost|was updated|caused object to be reset|transient issue|client disconnected/;

export type Cost = {
  readonly store: 'd1';
  db_calls: number;
  db_attempts: number;
  rows_read: number;
  rows_written: number;
};
type Params = { readonly [name: string]: unknown };

const bind = (
  session: D1DatabaseSession,
  { sql, params: names }: Pick<Statement<unknown, unknown>, 'sql' | 'params'>,
  params: Params,
) => session.prepare(sql).bind(...names.map((name) => params[name]));

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('D1 did not answer')), D1_MAX_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function call<T>(
  cost: Cost,
  session: D1DatabaseSession,
  params: Params,
  ...statements: Pick<Statement<unknown, unknown>, 'sql' | 'params'>[]
): Promise<D1Result<T>[]> {
  const batch = [...statements, readAccountObject].map((one) => bind(session, one, params));
  cost.db_calls += 1;
  for (let attempt = 1; ; attempt += 1) {
    cost.db_attempts += 1;
    try {
      const results = await inTime(session.batch<T>(batch));
      for (const { meta } of results) {
        cost.rows_read += meta.rows_read;
        cost.rows_written += meta.rows_written;
      }
      if (results.pop()?.results.length !== 0) throw new Error('the account lives in an object');
      return results;
    } catch (thrown) {
      if (attempt === ATTEMPTS || !TRANSIENT.test(String(thrown))) throw thrown;
      await scheduler.wait(Math.random() * 50 * 2 ** attempt);
    }
  }
}

export async function get(
  session: D1DatabaseSession,
  cost: Cost,
  params: Params,
): Promise<Row | undefined> {
  const [result] = await call<Row>(cost, session, params, sql.getEvaluation);
  return result?.results[0];
}

/** The row as it is stored now, or why nothing was stored. */
export async function update(
  session: D1DatabaseSession,
  cost: Cost,
  params: Params,
): Promise<{ row: Row; explanation?: never } | { row?: never; explanation: Explanation }> {
  const all = { ...params, link_id: null, link_expires_at: null, alone: 0 };
  const [stored, explained] = await call<Row | Explanation>(
    cost,
    session,
    all,
    sql.updateEvaluation,
    sql.explainUpdateEvaluation,
  );
  const row = stored?.results[0];
  if (row) return { row: row as Row };
  return { explanation: explained?.results.at(-1) as Explanation };
}
