/** SQL that several statements on evaluations share. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { all, d, e, type In, k, param, same, some, type Truth } from '../db/query.ts';
import type { AccountId } from '../principal.ts';

/** Parameters: the account of the token, and the evaluation and the run in the path. */
export const SCOPE = { account: param<AccountId>(), id: param<string>(), run_id: param<string>() };

/** Matches the evaluation in the path if it belongs to the account. */
export const isInScope = (p: In<typeof SCOPE>) =>
  all(same(e.account_id, p.account), same(e.id, p.id), same(e.run_id, p.run_id));

/** `link_id` and `link_expires_at` are null if the request has a token instead of a link. */
export const LINKED = {
  account: SCOPE.account,
  id: SCOPE.id,
  link_id: param<string | null>(),
  link_expires_at: param<string | null>(),
};

/** Returns SQL that is false if the request came through a revoked link. */
export function isNotRevoked(p: In<typeof LINKED>): SQL<Truth> {
  const isOfLink = all(
    same(k.account_id, p.account),
    same(k.expires_at, p.link_expires_at),
    same(k.evaluation_id, p.id),
    same(k.id, p.link_id),
  );
  return sql<Truth>`NOT ${some(k, isOfLink)}`;
}

/** The time when the request began. */
export const NOW = { now: param<string>() };

/**
 * Returns SQL that is false if an evaluation with this id was deleted after the request began. A
 * late write must not change a newer evaluation with the same id.
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
/** All columns except `write_id`, which never leaves the database. */
export const resourceColumns = columns;
