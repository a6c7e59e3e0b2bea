/** What operations are given, of whatever resource: who asks and how to the database, which page, under which conditions. */
import type { Principal } from '../principal.ts';
import type { Connection } from './connection.ts';

/** What each operation needs to know: who asks, the way to the database, and the time of the request (ISO 8601). */
export type OperationContext = {
  readonly principal: Principal;
  readonly connection: Connection;
  readonly now: string;
};

/** Where a page begins, after the last entry of the page before, and how many entries it may have. */
export type Page<Cursor> = { readonly after: Cursor | undefined; readonly limit: number };

/** The place of an entry in a list that is oldest first; entries of the same millisecond by id, so that the order is total. */
export type Place = { readonly created_at: string; readonly id: string };

/** What a caller may ask of an update beyond its content. */
export type UpdateConditions = {
  /** The versions of which one must be stored for the write to happen; undefined if any will do. */
  readonly versions: readonly string[] | undefined;
  /** The caller's name for this write, by which a repetition is recognised. */
  readonly key: string | undefined;
};

/** The link through which a request comes, and which may have been revoked: its id and when it expires (ISO 8601). */
export type LinkId = { readonly id: string; readonly expires_at: string };

/** The state of a row or resource: grows with each stored change and with nothing else. Its entity tag is this in quotes. */
export const versionOf = (of: {
  readonly updated_at?: string | null;
  readonly created_at: string;
}): string => of.updated_at ?? of.created_at;
