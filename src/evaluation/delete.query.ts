/**
 * SQL that deletes an evaluation: two statements in one transaction. If the first statement deletes
 * nothing, the second reads the rows that show why.
 */
import { type SQL, sql } from 'drizzle-orm';
import {
  accountQuery,
  all,
  coalesce,
  d,
  e,
  type In,
  insertIf,
  query,
  same,
  scalar,
  select,
  some,
  type Truth,
} from '../db/query.ts';
import { deletedEvaluation } from '../db/schema.ts';
import { ALONE, currentVersion, hasVersion, ifNothingChanged, UPDATE } from '../db/write.query.ts';
import { isInScope, isNotDeletedSince, NOW, SCOPE } from './evaluation.query.ts';

const WRITE = { ...SCOPE, ...NOW, write_id: UPDATE.write_id };
type P = In<typeof WRITE>;

/**
 * Matches the evaluation that the request may delete.
 * If an evaluation with this id was deleted after the request began, matches nothing. If the id now
 * belongs to a new evaluation, the caller cannot mean it: the caller sent the request before the
 * new evaluation existed.
 */
const isDeletable = (p: P) => all(isInScope(p), isNotDeletedSince(p));

const isOwnDeletion = (p: P) =>
  all(
    same(d.account_id, p.account),
    same(d.evaluation_id, p.id),
    same(d.run_id, p.run_id),
    same(d.write_id, p.write_id),
  );

const DATABASE_NOW = sql`strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`;

/**
 * Returns the SQL for `deleted_at`, the time that is stored with the deletion. If a write to this
 * id began before `deleted_at`, `isNotDeletedSince` refuses the write. So `deleted_at` must be late
 * enough. It is the latest of these three times:
 * - The time when the request began.
 * - The present time of the database's clock. The Worker may have needed several attempts for the
 *   deletion, and other requests may have begun in the meantime.
 * - The time of the evaluation's last change, or of its creation. This time comes from the clock of
 *   an edge location, which may be ahead of the database's clock. Suppose that this time was left
 *   out. The request that created the evaluation could then create it again, if one of its attempts
 *   arrived late.
 * If the second or the third time is more than an hour later than the first, a clock must be wrong.
 * The SQL then ignores this time.
 */
function deletedAt(p: Omit<P, 'write_id'>): SQL<string> {
  const latest = sql<string>`strftime('%Y-%m-%dT%H:%M:%fZ', ${p.now}, '+1 hour')`;
  const isUsable = sql<Truth>`${currentVersion(e)} <= ${latest}`;
  const version = scalar(
    select({ version: sql<string>`${currentVersion(e)}`.as('version') })
      .from(e)
      .where(all(isInScope(p), isUsable)),
  );
  return sql<string>`max(
    ${p.now}, iif(${DATABASE_NOW} <= ${latest}, ${DATABASE_NOW}, ${p.now}), ${coalesce(version, p.now)}
  )`;
}

/**
 * Inserts a row into `deleted_evaluation` and returns the evaluation's id. A trigger then deletes
 * the evaluation, its history, and the rows in `keyed_write` that belong to it. If a condition is
 * false, or if an earlier attempt of this deletion has already inserted the row, inserts nothing.
 */
export const deleteEvaluation = query({ ...WRITE, versions: UPDATE.versions }, (p) =>
  insertIf(
    deletedEvaluation,
    {
      account_id: p.account,
      evaluation_id: p.id,
      run_id: p.run_id,
      deleted_at: deletedAt(p),
      write_id: p.write_id,
    },
    all(some(e, all(isDeletable(p), hasVersion(e, p))), sql`NOT ${some(d, isOwnDeletion(p))}`),
  ).returning({ evaluation_id: deletedEvaluation.evaluation_id }),
);

/**
 * Explains why the delete inserted nothing. Returns the version of the evaluation, and the
 * `deleted_at` that an earlier attempt of this deletion stored. If the request may not delete the
 * evaluation, the columns of the evaluation are NULL. If no earlier attempt stored the deletion,
 * `deleted_at` is NULL. If the delete inserted its row, returns no row.
 */
export const explainDeleteEvaluation = accountQuery({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: { id: e.id, created_at: e.created_at, updated_at: e.updated_at },
    own: { deleted_at: d.deleted_at },
  })
    .from(ifNothingChanged(p))
    .leftJoin(e, isDeletable(p))
    .leftJoin(d, isOwnDeletion(p)),
);
