/** The databases of the soak as the programs of src/cli see them: through a path of the soak's Worker, past its faults. */
import type { Row, Store } from '../../src/cli/move-tables.ts';

export const BINDINGS = ['DB', 'DB_1', 'DB_2', 'DB_3'] as const;

export const storeAt = (url: string | URL, name: string): Store => ({
  name,
  batch: async (statements) => {
    const body = JSON.stringify({ name, statements });
    const response = await fetch(new URL('/soak/d1', url), { method: 'POST', body });
    const { rows, error } = (await response.json()) as { rows: Row[][]; error?: string };
    if (error !== undefined) throw new Error(error);
    return rows;
  },
});
