/**
 * The SQL that only account objects need. An account object is a Durable Object that stores one
 * account. If the table `account_object` lists an account, triggers in D1 refuse each insert and
 * update of the account's rows.
 */
import { asc, getTableColumns, sql } from 'drizzle-orm';
import { type AccountId, SHARED_ACCOUNT } from '../principal.ts';
import {
  a,
  above,
  all,
  coalesce,
  d,
  e,
  type In,
  insertIf,
  k,
  l,
  literal,
  named,
  param,
  query,
  same,
  select,
  some,
  update,
} from './query.ts';
import { accountObject } from './schema.ts';

const ACCOUNT = { account: param<AccountId>() };

const isInAccount = (p: In<typeof ACCOUNT>) => same(a.account_id, p.account);

export const readAccountObject = query(ACCOUNT, (p) =>
  select({ place: a.place, life: a.life, arrived_at: a.arrived_at }).from(a).where(isInAccount(p)),
);

/**
 * Returns SQL that is true if D1 has rows of the account. The tables `run_evaluation_history` and
 * `keyed_write` have rows only for an evaluation.
 */
const hasRows = (p: In<typeof ACCOUNT>) => {
  const tables = [e, d, l, k].map((table) => some(table, same(table.account_id, p.account)));
  return sql`(${sql.join(tables, sql` OR `)})`;
};

/**
 * Closes D1 for the account: inserts the account's row, unless the row exists. If D1 has rows to
 * copy, `arrived_at` is NULL.
 */
export const closeAccount = query(
  { ...ACCOUNT, place: param<string>(), life: param<string>(), arrived_at: param<string>() },
  (p) =>
    insertIf(
      accountObject,
      {
        account_id: p.account,
        place: p.place,
        life: p.life,
        arrived_at: sql<null>`iif(${hasRows(p)}, NULL, ${p.arrived_at})`,
      },
      sql`NOT ${some(a, isInAccount(p))}`,
    ).returning({ account_id: accountObject.account_id }),
);

/** Records in D1 that the object has all rows of the account. */
export const noteArrival = query(
  { ...ACCOUNT, life: param<string>(), arrived_at: param<string>() },
  (p) =>
    update(a, { arrived_at: p.arrived_at })
      .where(all(isInAccount(p), same(a.life, p.life), sql`${a.arrived_at} IS NULL`))
      .returning({ account_id: a.account_id }),
);

/**
 * Returns the id of the label that a call needs, if the object lacks the label. A create sends this
 * id. For an update, the id comes from the stored evaluation.
 */
export const findMissingLabel = query(
  { ...ACCOUNT, id: param<string>(), evaluation_label_id: param<string | null>() },
  (p) => {
    const label = coalesce(p.evaluation_label_id, e.evaluation_label_id);
    const isKnown = all(
      sql`${l.account_id} IN (${p.account}, ${literal(SHARED_ACCOUNT)})`,
      same(l.id, label),
    );
    return select({ id: named(label, 'id') })
      .from(sql`(SELECT 1)`)
      .leftJoin(e, all(same(e.account_id, p.account), same(e.id, p.id)))
      .where(sql`NOT ${some(l, isKnown)}`);
  },
);

const isShared = same(l.account_id, literal(SHARED_ACCOUNT));

export const readSharedLabels = query({ after: param<string>(), limit: param<number>() }, (p) =>
  select(getTableColumns(l))
    .from(l)
    .where(all(isShared, above(l.id, p.after)))
    .orderBy(asc(l.id))
    .limit(p.limit.placeholder),
);

export const readSharedLabel = query({ id: param<string>() }, (p) =>
  select(getTableColumns(l))
    .from(l)
    .where(all(isShared, same(l.id, p.id))),
);
