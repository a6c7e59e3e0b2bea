/** SQL that several statements on labels share. */
import { getTableColumns } from 'drizzle-orm';
import { all, type In, l, param, same } from '../db/query.ts';
import type { AccountId } from '../principal.ts';

/** Parameters: the account of the token, and the label in the path. */
export const SCOPE = { account: param<AccountId>(), id: param<string>() };

/** Matches the account's own label with this id, not a shared label. */
export const isOwn = (p: In<typeof SCOPE>) => all(same(l.account_id, p.account), same(l.id, p.id));

const { create_digest, write_id, ...columns } = getTableColumns(l);
/** All columns except `create_digest` and `write_id`, which never leave the database. */
export const resourceColumns = columns;
