/** Whether the shared labels are the same in several databases, and how one that lacks some gets them. */
import { SHARED_ACCOUNT } from '../principal.ts';
import { MOVED_TABLES, pagesOf, type Row, type Store } from './move-tables.ts';

const LABELS = MOVED_TABLES.find(({ name }) => name === 'evaluation_label');

async function labelsIn(store: Store): Promise<Map<string, Row>> {
  const labels = new Map<string, Row>();
  if (LABELS) {
    for await (const page of pagesOf(store, LABELS, SHARED_ACCOUNT)) {
      for (const row of page) labels.set(String(row['id']), row);
    }
  }
  return labels;
}

/** A sentence about each label that is not the same in the main database and another one. */
export async function compareLabels(main: Store, others: readonly Store[]): Promise<string[]> {
  const expected = await labelsIn(main);
  const found: string[] = [];
  for (const store of others) {
    const labels = await labelsIn(store);
    for (const id of new Set([...expected.keys(), ...labels.keys()])) {
      const [here, there] = [expected.get(id), labels.get(id)];
      if (!there) found.push(`${store.name} lacks the shared label ${id}`);
      else if (!here) found.push(`${store.name} has the shared label ${id}, which ${main.name} lacks`);
      else if (JSON.stringify(here) !== JSON.stringify(there)) {
        found.push(`${store.name} has another shared label ${id} than ${main.name}`);
      }
    }
  }
  return found;
}

/** @throws {Error} if an account that is moved there would find other labels. */
export async function requireSameLabels(main: Store, others: readonly Store[]): Promise<void> {
  const [first] = await compareLabels(main, others);
  if (first !== undefined) throw new Error(`${first}: run npm run shared-labels -- --copy.`);
}

/** Brings others what they lack of the main database, and what is older there. Anything else stays as it is. */
export async function copyLabels(main: Store, others: readonly Store[]): Promise<void> {
  const columns = LABELS?.columns ?? [];
  const insert = `INSERT INTO evaluation_label (${columns.join(', ')}) SELECT ${columns.map((_, at) => `?${at + 1}`).join(', ')}
    WHERE NOT EXISTS (SELECT 1 FROM evaluation_label WHERE account_id = ?${columns.indexOf('account_id') + 1} AND id = ?${columns.indexOf('id') + 1})`;
  const update = `UPDATE evaluation_label SET name = ?3, description = ?4, archived_at = ?5, updated_by = ?6, updated_at = ?7,
    write_id = ?8 WHERE account_id = ?1 AND id = ?2 AND ?7 > coalesce(updated_at, created_at)`;
  for (const row of (await labelsIn(main)).values()) {
    const of = (...names: readonly string[]) => names.map((name) => row[name] ?? null);
    const changes = ['name', 'description', 'archived_at', 'updated_by', 'updated_at', 'write_id'];
    for (const store of others) {
      await store.batch([
        { sql: update, params: of('account_id', 'id', ...changes) },
        { sql: insert, params: of(...columns) },
      ]);
    }
  }
}
