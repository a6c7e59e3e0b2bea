/** SQL that several statements on labels share. */
import { getTableColumns } from 'drizzle-orm';
import { all, type In, l, param, same } from '../db/query.ts';
import type { AccountId } from '../principal.ts';

/** Parameters: the label that a path names, and the account of the token. */
export const SCOPE = { account: param<AccountId>(), id: param<string>() };

/** Matches the account's own label with this id. */
export const isOwn = (p: In<typeof SCOPE>) => all(same(l.account_id, p.account), same(l.id, p.id));

const { create_digest, write_id, ...columns } = getTableColumns(l);
/** The thirteen columns that the resource has. */
export const resourceColumns = columns;
