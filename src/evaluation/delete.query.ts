/**
 * The SQL that deletes an evaluation, and the read that explains why nothing was deleted. Both
 * statements run in one transaction.
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
 * Matches the evaluation that the request may delete. If an evaluation with this id was deleted
 * after the request began, matches nothing. An evaluation that has the id now was created after
 * that deletion, so the caller cannot mean it.
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
 * Returns the SQL for `deleted_at`. `isNotDeletedSince` refuses every write to this id that began
 * before `deleted_at`. So `deleted_at` is the latest of these three times:
 * - The time when the request began.
 * - The present time of the database's clock. The delete may need several attempts, and other
 *   requests may begin meanwhile.
 * - The time of the evaluation's last change, or of its creation. This time comes from the clock of
 *   an edge location. If that clock is ahead of the database's clock, a late attempt of the create
 *   could otherwise create the evaluation again.
 * The SQL ignores a time that is more than an hour after the request began, because a clock must be
 * wrong.
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
 * Inserts a row for the deletion and returns the evaluation's id. A trigger then deletes the
 * evaluation, its history and its rows in `keyed_write`. Inserts nothing if a condition failed, or
 * if an earlier attempt of this deletion has inserted the row.
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
 * Explains why the delete inserted nothing. Returns the evaluation's version, and the `deleted_at`
 * that an earlier attempt of this deletion stored. Columns of a missing row are NULL. Returns no
 * row if the delete inserted its row.
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
