/**
 * A bookmark of D1 as it travels: with its database in front, because it says nothing about another one. Those of the main
 * database are D1's own, so whoever has one database sees nothing else.
 */
import { MAIN_DATABASE } from './databases.ts';

/** As D1 makes them, and as `bookmarkOf` does. D1 does not say what it does with one that is not its own. */
const BOOKMARK = /^(?:(DB_\w+):)?([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32})$/;

export const bookmarkOf = (database: string, bookmark: string | null): string | null =>
  bookmark === null || database === MAIN_DATABASE ? bookmark : `${database}:${bookmark}`;

/**
 * Where a session of the database starts for a reader that sent this. A bookmark of another database says that the account
 * has moved since: then only the primary is sure to have what the caller has seen. Anything else is ignored.
 */
export function startOf(database: string, sent: string | undefined): string {
  const [, name = MAIN_DATABASE, bookmark] = BOOKMARK.exec(sent ?? '') ?? [];
  if (bookmark === undefined) return 'first-unconstrained';
  return name === database ? bookmark : 'first-primary';
}
