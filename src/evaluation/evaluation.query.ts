/** SQL that several statements on evaluations share. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { all, d, e, type In, k, param, same, some, type Truth } from '../db/query.ts';
import type { AccountId } from '../principal.ts';

/** Parameters: the account of the token, and the evaluation and the run in the path. */
export const SCOPE = { account: param<AccountId>(), id: param<string>(), run_id: param<string>() };

/** Matches the evaluation in the path if it belongs to the account. */
export const isInScope = (p: In<typeof SCOPE>) =>
  all(same(e.account_id, p.account), same(e.id, p.id), same(e.run_id, p.run_id));

/**
 * Parameters: the account, the evaluation, and the link through which the request came. If the
 * request has a token and no link, `link_id` and `link_expires_at` are null.
 */
export const LINKED = {
  account: SCOPE.account,
  id: SCOPE.id,
  link_id: param<string | null>(),
  link_expires_at: param<string | null>(),
};

/**
 * Returns SQL that is false if the request came through a revoked link. If the request has a token
 * and no link, `link_id` is NULL, so the SQL finds no revocation and is true. The SQL searches by
 * the primary key, so it reads at most one row.
 */
export function isNotRevoked(p: In<typeof LINKED>): SQL<Truth> {
  const isOfLink = all(
    same(k.account_id, p.account),
    same(k.expires_at, p.link_expires_at),
    same(k.evaluation_id, p.id),
    same(k.id, p.link_id),
  );
  return sql<Truth>`NOT ${some(k, isOfLink)}`;
}

/** Parameter: the time when the request began. */
export const NOW = { now: param<string>() };

/**
 * Returns SQL that is false if an evaluation with this id was deleted after the request began.
 * After the deletion, somebody may have created a new evaluation with the same id. A write that
 * arrives late must not change the new evaluation. The SQL reads only the deletions of this id
 * since the request began: usually none.
 */
export function isNotDeletedSince(p: Omit<In<typeof SCOPE & typeof NOW>, 'run_id'>): SQL<Truth> {
  const isSince = all(
    same(d.account_id, p.account),
    same(d.evaluation_id, p.id),
    sql`${d.deleted_at} >= ${p.now}`,
  );
  return sql<Truth>`NOT ${some(d, isSince)}`;
}

const { write_id, ...columns } = getTableColumns(e);
/**
 * The columns of an evaluation that a statement may return: all except `write_id`, which never
 * leaves the database. The database uses `write_id` to recognise a repeated write.
 */
export const resourceColumns = columns;
