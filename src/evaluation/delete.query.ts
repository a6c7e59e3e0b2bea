/**
 * The SQL of the delete, and of the read that explains why the delete did nothing. Both statements
 * run in one transaction.
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
 * Matches the evaluation of the path. If an evaluation with this id was deleted after the request
 * began, matches nothing, because the present evaluation was created later.
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
 * The time of a deletion is the latest of three: when the request began, the database's clock when
 * this statement runs, and the version that is deleted. Requests that began before the deletion must
 * count as earlier. The version counts because its edge may be ahead of the database: a late attempt
 * of its write could otherwise store it again. If a time is over an hour ahead of the request, a
 * clock is wrong, and the time does not count.
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
 * Inserts a row for the deletion. A trigger then deletes the evaluation, its history and its keyed
 * writes. Returns the id; nothing if a condition failed, or if this request has deleted the
 * evaluation already.
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
 * Returns the version of the evaluation, and the time of this request's own deletion. Returns NULLs
 * for what is missing, and no row if the delete inserted its row.
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
