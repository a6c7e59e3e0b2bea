/** Revokes a link: a row that the updates through it look for (evaluation/update.query.ts). */
import { sql } from 'drizzle-orm';
import { all, compile, ifNothingChanged, orm, valuesOf } from '../db/compile.ts';
import { revokedLink, runEvaluation } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import { inScope, isNotRevoked, type Scope } from '../evaluation/evaluation.query.ts';

export type RevokeParams = Scope & { readonly link_id: string; readonly link_expires_at: string };

const param = (name: keyof RevokeParams) => sql`${sql.placeholder(name)}`;

const values = valuesOf(revokedLink, {
  account_id: param('account'),
  expires_at: param('link_expires_at'),
  evaluation_id: param('id'),
  id: param('link_id'),
});

/** Returns the id; nothing if the link is revoked already, or if the account has no such evaluation. */
export const revokeEvaluationLink = compile<RevokeParams, { id: string }>(
  orm
    .insert(revokedLink)
    .select(sql`SELECT ${values} FROM ${runEvaluation} WHERE ${all(inScope, isNotRevoked)}`)
    .returning({ id: revokedLink.id }),
);

/** Returns the evaluation if the link is revoked already; NULL if there is no such evaluation. */
export const explainRevokeEvaluationLink = compile<RevokeParams, OrNulls<{ id: string }>>(
  orm.select({ id: runEvaluation.id }).from(ifNothingChanged).leftJoin(runEvaluation, inScope),
);
