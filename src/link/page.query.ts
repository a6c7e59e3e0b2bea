/** Reads the data of a link's page. */
import { desc, sql } from 'drizzle-orm';
import { accountQuery, all, e, h, l, same, select } from '../db/query.ts';
import { isNotRevoked, LINKED, resourceColumns } from '../evaluation/evaluation.query.ts';
import { isLabelOf, ruleColumns } from '../label/rule.query.ts';

const EARLIER_MAX_ROWS = 30;

/** Returns no row if the evaluation does not exist, or if the link is revoked. */
export const readLinkPage = accountQuery(LINKED, (p) => {
  const { value, replaced_at, account_id, evaluation_id } = h;
  const latest = select({ value, replaced_at })
    .from(h)
    .where(all(same(account_id, p.account), same(evaluation_id, p.id)))
    .orderBy(desc(replaced_at))
    .limit(EARLIER_MAX_ROWS)
    .as('r');
  return select({
    ...resourceColumns,
    label: { name: l.name, description: l.description, ...ruleColumns },
    /** The latest replaced values as a JSON array, oldest first. */
    earlier: sql<string>`(
        SELECT json_group_array(value ORDER BY replaced_at) FROM ${latest}
      )`.as('earlier'),
  })
    .from(e)
    .leftJoin(l, isLabelOf(e.account_id, e.evaluation_label_id))
    .where(all(same(e.account_id, p.account), same(e.id, p.id), isNotRevoked(p)));
});
