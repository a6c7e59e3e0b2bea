/**
 * SQL that revokes a link. Every statement through a link checks that `revoked_link` has no row for
 * the link.
 */
import { accountQuery, all, e, insertIf, param, query, select, some } from '../db/query.ts';
import { revokedLink } from '../db/schema.ts';
import { ALONE, ifNothingChanged } from '../db/write.query.ts';
import { isInScope, isNotRevoked, SCOPE } from '../evaluation/evaluation.query.ts';

/** Inserts the revocation, unless the link is already revoked or the evaluation does not exist. */
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
 * Returns the evaluation's id if the link was already revoked, or NULL if the evaluation is
 * missing.
 */
export const explainRevokeEvaluationLink = accountQuery({ ...SCOPE, ...ALONE }, (p) =>
  select({ evaluation: { id: e.id } })
    .from(ifNothingChanged(p))
    .leftJoin(e, isInScope(p)),
);
