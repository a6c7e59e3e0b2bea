/** The delete, and the read that explains why it deleted nothing. Both run in one transaction. */
import { sql } from 'drizzle-orm';
import { all, d, e, type In, insertIf, query, same, select, some } from '../db/query.ts';
import { deletedEvaluation } from '../db/schema.ts';
import { ALONE, hasVersion, ifNothingChanged, UPDATE } from '../db/write.query.ts';
import { isInScope, isNotDeletedSince, NOW, SCOPE } from './evaluation.query.ts';

const WRITE = { ...SCOPE, ...NOW, write_id: UPDATE.write_id };
type P = In<typeof WRITE>;

/**
 * The evaluation of the path, but not if it was created after a deletion unknown to the request.
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
 * The time of a deletion is when this statement runs, not when its request began: the deletion
 * comes after all requests that began before it runs. So it is by the clock of the database. If
 * that is behind the clock of the edge, or over an hour ahead, they do not agree, and the edge's
 * counts.
 */
const deletedAt = ({ now }: Pick<P, 'now'>) => sql<string>`iif(
  ${DATABASE_NOW} BETWEEN ${now} AND strftime('%Y-%m-%dT%H:%M:%fZ', ${now}, '+1 hour'),
  ${DATABASE_NOW}, ${now}
)`;

/**
 * Notes the deletion; a trigger then deletes the evaluation, its history and its writes. Returns
 * the id; nothing if a condition failed, or if this request has deleted it already.
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

/** Returns nothing if the delete did its work; NULLs if there is no such evaluation. */
export const explainDeleteEvaluation = query({ ...WRITE, ...ALONE }, (p) =>
  select({
    evaluation: { id: e.id, created_at: e.created_at, updated_at: e.updated_at },
    own: { deleted_at: d.deleted_at },
  })
    .from(ifNothingChanged(p))
    .leftJoin(e, isDeletable(p))
    .leftJoin(d, isOwnDeletion(p)),
);
