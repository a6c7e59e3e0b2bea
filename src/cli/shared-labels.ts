/** Whether the shared labels are the same in several databases, and how one that lacks some gets them. */
import { insertSharedLabel, updateSharedLabel } from '../label/sql.generated.ts';
import { SHARED_ACCOUNT } from '../principal.ts';
import { LABELS, pagesOf, type Row, type Store, valuesOf } from './move-tables.ts';

async function labelsIn(store: Store): Promise<Map<string, Row>> {
  const labels = new Map<string, Row>();
  for await (const page of pagesOf(store, LABELS, SHARED_ACCOUNT)) {
    for (const row of page) labels.set(String(row['id']), row);
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

/** Brings others what they lack of the main database, and what is older there, as a write of a shared label does. */
export async function copyLabels(main: Store, others: readonly Store[]): Promise<void> {
  for (const label of (await labelsIn(main)).values()) {
    const copies = [updateSharedLabel, insertSharedLabel].map(({ sql, params }) => ({
      sql,
      params: valuesOf(label, params),
    }));
    for (const store of others) await store.batch(copies);
  }
}
