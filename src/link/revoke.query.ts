/**
 * The SQL that revokes a link: it inserts a row into the table `revoked_link`. Every statement that
 * reads or writes an evaluation through a link first checks that this table has no row for the
 * link.
 */
import { accountQuery, all, e, insertIf, param, query, select, some } from '../db/query.ts';
import { revokedLink } from '../db/schema.ts';
import { ALONE, ifNothingChanged } from '../db/write.query.ts';
import { isInScope, isNotRevoked, SCOPE } from '../evaluation/evaluation.query.ts';

/**
 * Inserts the row that revokes the link, and returns the link's id. Returns no row if the link is
 * already revoked, or if the evaluation does not exist.
 */
export const revokeEvaluationLink = query(
  { ...SCOPE, link_id: param<string>(), link_expires_at: param<string>() },
  (p) =>
    insertIf(
      revokedLink,
      {
        account_id: p.account,
        expires_at: p.link_expires_at,
        evaluation_id: p.id,
        id: p.link_id,
      },
      all(some(e, isInScope(p)), isNotRevoked(p)),
    ).returning({ id: revokedLink.id }),
);

/**
 * Explains why the insert added no row. Returns the evaluation's id if the link was already
 * revoked. Returns NULL if the evaluation does not exist.
 */
export const explainRevokeEvaluationLink = accountQuery({ ...SCOPE, ...ALONE }, (p) =>
  select({ evaluation: { id: e.id } })
    .from(ifNothingChanged(p))
    .leftJoin(e, isInScope(p)),
);
