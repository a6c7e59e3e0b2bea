/**
 * Statements about accounts that live in objects: the row in D1 that keeps everyone else out, and
 * the labels that an object looks up. An object runs the statements of all other files unchanged.
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

/** Returns one row if the account lives in an object. Otherwise reads nothing. */
export const readAccountObject = query(ACCOUNT, (p) =>
  select({ place: a.place, life: a.life, arrived_at: a.arrived_at }).from(a).where(isInAccount(p)),
);

/** The history and the noted writes of an evaluation are never without the evaluation. */
const hasRows = (p: In<typeof ACCOUNT>) => {
  const tables = [e, d, l, k].map((table) => some(table, same(table.account_id, p.account)));
  return sql`(${sql.join(tables, sql` OR `)})`;
};

/**
 * Closes D1 for the account, unless an object has done so already. An account without rows has
 * arrived with that.
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

/** Notes that the object has all rows. From then on the object alone is right. */
export const noteArrival = query(
  { ...ACCOUNT, life: param<string>(), arrived_at: param<string>() },
  (p) =>
    update(a, { arrived_at: p.arrived_at })
      .where(all(isInAccount(p), same(a.life, p.life), sql`${a.arrived_at} IS NULL`))
      .returning({ account_id: a.account_id }),
);

/**
 * Returns the label by which a value will be judged, if the object does not have it: the label that
 * a create names, or the label of the evaluation. The id is NULL if there is no evaluation.
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

/** Returns a page of the shared labels, complete rows, by id. */
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
