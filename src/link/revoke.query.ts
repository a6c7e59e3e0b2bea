/** Revokes a link: a row that the updates through it look for (evaluation/update.query.ts). */
import { sql } from 'drizzle-orm';
import { compile, orm } from '../db/compile.ts';
import { revokedLink, runEvaluation } from '../db/schema.ts';
import { inScope, type Scope } from '../evaluation/evaluation.query.ts';

export type RevokeParams = Scope & { readonly link_id: string; readonly link_expires_at: string };

const param = (name: keyof RevokeParams) => sql`${sql.placeholder(name)}`;

/** The columns in the order of the table. */
const row = {
  account_id: param('account'),
  expires_at: param('link_expires_at'),
  evaluation_id: param('id'),
  id: param('link_id'),
} satisfies Record<keyof typeof revokedLink.$inferSelect, unknown>;

/** Returns the id, also of a link that is revoked already; nothing if the account has no such evaluation. */
export const revokeEvaluationLink = compile<RevokeParams, { id: string }>(
  orm
    .insert(revokedLink)
    .select(sql`SELECT ${sql.join(Object.values(row), sql`, `)} FROM ${runEvaluation} WHERE ${inScope}`)
    .onConflictDoUpdate({
      target: [revokedLink.account_id, revokedLink.expires_at, revokedLink.evaluation_id, revokedLink.id],
      set: { id: param('link_id') },
    })
    .returning({ id: revokedLink.id }),
);
