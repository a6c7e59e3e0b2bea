/** SQL that several statements on labels share. */
import { getTableColumns } from 'drizzle-orm';
import { all, type In, l, param, same } from '../db/query.ts';
import type { AccountId } from '../principal.ts';

/** The label that a path names, and the account of the token. */
export const SCOPE = { account: param<AccountId>(), id: param<string>() };

/** The account's own label of that id. */
export const isOwn = (p: In<typeof SCOPE>) => all(same(l.account_id, p.account), same(l.id, p.id));

const { create_digest, write_id, ...columns } = getTableColumns(l);
/** The thirteen columns that are the resource. */
export const resourceColumns = columns;
