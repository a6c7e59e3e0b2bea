/**
 * The SQL for accounts that live in objects: the row in D1 that closes D1 for an account, and the
 * labels that an object looks up. An object runs the statements of all other files unchanged.
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

/** Returns the account's row of `account_object`; no row if the account lives in D1. */
export const readAccountObject = query(ACCOUNT, (p) =>
  select({ place: a.place, life: a.life, arrived_at: a.arrived_at }).from(a).where(isInAccount(p)),
);

/**
 * Returns SQL that is true if D1 has rows of the account. The history and the keyed writes of an
 * evaluation never exist without the evaluation.
 */
const hasRows = (p: In<typeof ACCOUNT>) => {
  const tables = [e, d, l, k].map((table) => some(table, same(table.account_id, p.account)));
  return sql`(${sql.join(tables, sql` OR `)})`;
};

/**
 * Closes D1 for the account, unless an object has done so already. If the account has no rows, it
 * arrives with the same statement.
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

/** Records that the object has all rows. From then on only the object serves the account. */
export const noteArrival = query(
  { ...ACCOUNT, life: param<string>(), arrived_at: param<string>() },
  (p) =>
    update(a, { arrived_at: p.arrived_at })
      .where(all(isInAccount(p), same(a.life, p.life), sql`${a.arrived_at} IS NULL`))
      .returning({ account_id: a.account_id }),
);

/**
 * Returns the id of the label whose rule the value must meet, if the object does not have that
 * label. A create names its label; an update uses the label of the evaluation. The id is NULL if
 * the evaluation does not exist. Returns no row if the object has the label.
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

/** Returns a page of the shared labels, as complete rows in the order of their ids. */
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
