/**
 * The SQL of the delete, and of the read that explains why the delete did nothing. Both statements
 * run in one transaction.
 */
import { sql } from 'drizzle-orm';
import { all, d, e, type In, insertIf, query, same, select, some } from '../db/query.ts';
import { deletedEvaluation } from '../db/schema.ts';
import { ALONE, hasVersion, ifNothingChanged, UPDATE } from '../db/write.query.ts';
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
 * The time of a deletion is when this statement runs, by the clock of the database. Other requests
 * may have begun between the start of the request and the deletion, and must count as earlier than
 * the deletion. If the database's clock is behind the request's time, or over an hour ahead, the
 * clocks disagree. Then the request's time counts.
 */
const deletedAt = ({ now }: Pick<P, 'now'>) => sql<string>`iif(
  ${DATABASE_NOW} BETWEEN ${now} AND strftime('%Y-%m-%dT%H:%M:%fZ', ${now}, '+1 hour'),
  ${DATABASE_NOW}, ${now}
)`;

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
export const explainDeleteEvaluation = query({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: { id: e.id, created_at: e.created_at, updated_at: e.updated_at },
    own: { deleted_at: d.deleted_at },
  })
    .from(ifNothingChanged(p))
    .leftJoin(e, isDeletable(p))
    .leftJoin(d, isOwnDeletion(p)),
);
