/**
 * SQL that deletes an evaluation, and SQL that explains why a delete changed nothing. Both
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
 * Matches the evaluation, unless an evaluation with this id was deleted after the request began.
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
 * Returns the time of a deletion: the latest of the request's time, the database's time and the
 * evaluation's version. With an earlier time, a late attempt could create the evaluation again.
 */
function deletedAt(p: Omit<P, 'write_id'>): SQL<string> {
  // A time that is more than an hour after the request comes from a wrong clock.
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
 * Inserts a row into `deleted_evaluation`. A trigger then deletes the evaluation, its history, and
 * its rows in `keyed_write`.
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
 * Explains why the delete inserted nothing. `deleted_at` is NULL unless an earlier attempt stored
 * the deletion.
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
