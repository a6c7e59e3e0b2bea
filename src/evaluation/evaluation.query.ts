/** SQL that several statements on evaluations share. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { all, d, e, type In, k, param, same, some, type Truth } from '../db/query.ts';
import type { AccountId } from '../principal.ts';

/** The evaluation that a path names, and the account of the token. */
export const SCOPE = { account: param<AccountId>(), id: param<string>(), run_id: param<string>() };

/** The evaluation of that path, if it is the account's. */
export const isInScope = (p: In<typeof SCOPE>) =>
  all(same(e.account_id, p.account), same(e.id, p.id), same(e.run_id, p.run_id));

/**
 * The evaluation, the link through which the request comes, and when that link expires; nulls if
 * the request comes through none.
 */
export const LINKED = {
  account: SCOPE.account,
  id: SCOPE.id,
  link_id: param<string | null>(),
  link_expires_at: param<string | null>(),
};

/**
 * Returns SQL that is also true if there is no link, because no revocation equals NULL. Looks the
 * revocation up by its primary key, so that it reads one row or none.
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

/** When the request began. */
export const NOW = { now: param<string>() };

/**
 * Returns SQL that is false for an attempt of a request that began before the evaluation was
 * deleted: it may not touch what was created under the id since. Reads a range of the primary key,
 * usually empty.
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
/** The twelve columns that are the resource. */
export const resourceColumns = columns;
