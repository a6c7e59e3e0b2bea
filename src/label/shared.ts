/**
 * Shared labels are in every database. A write of one is judged by the main database alone; what is stored there then is
 * copied to all others in the same request. So a request that could not reach one of them is repeated without harm.
 */
import type { Connection } from '../db/connection.ts';
import { forEachDatabase } from '../db/databases.ts';
import { Failure, messageOf } from '../failure.ts';
import * as sql from './sql.generated.ts';

/**
 * Called after each write of a label, also a refused one: a repetition may be refused by what it stored itself.
 * @throws {Failure} `database_unavailable`, naming the databases that do not have it.
 */
export async function copySharedLabel({ read, copies }: Connection, id: string): Promise<void> {
  if (copies.length === 0) return;
  const [label] = await read(sql.getSharedLabel, { id });
  if (label === undefined) return;
  const failures = await forEachDatabase(copies, async ({ database, run }) => {
    try {
      await run([sql.updateSharedLabel, sql.insertSharedLabel], label);
      return [];
    } catch (thrown) {
      return [{ database, cause: `${database}: ${thrown instanceof Failure ? thrown.log.cause : messageOf(thrown)}` }];
    }
  });
  const failed = failures.flat();
  if (failed.length === 0) return;
  throw new Failure(
    'database_unavailable',
    `The shared label ${id} is stored, but not in ${failed.map(({ database }) => database).join(', ')}: send the same request again, with this id, which is safe.`,
    { retryAfterSeconds: 5 },
    { cause: failed.map(({ cause }) => cause).join('; ') },
  );
}
