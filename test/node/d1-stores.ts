/** Local databases of Miniflare, in memory and migrated, as the programs of src/cli see them. */
import { createRequire } from 'node:module';
import type { Row, Store } from '../../src/cli/move-tables.ts';
import { migrationStatements } from './migrations.ts';

/** The one that wrangler brings. */
const { Miniflare } = createRequire(createRequire(import.meta.url).resolve('wrangler'))('miniflare');

/** Runs a batch inside of workerd: Miniflare's own bindings for Node take a round trip for each statement. */
const WORKER = `
export default {
  async fetch(request, env) {
    const { name, statements } = await request.json();
    try {
      const prepared = statements.map(({ sql, params }) => env[name].prepare(sql).bind(...params));
      return Response.json({ rows: (await env[name].batch(prepared)).map(({ results }) => results) });
    } catch ({ message }) {
      return Response.json({ error: message });
    }
  },
};
`;

export type Stores = { readonly stores: readonly Store[]; readonly stop: () => Promise<void> };

export async function startStores(...names: readonly string[]): Promise<Stores> {
  const miniflare = new Miniflare({
    cf: false,
    workers: [
      {
        config: {
          name: 'databases',
          compatibilityDate: '2026-11-01',
          manifest: {
            mainModule: 'worker.js',
            modulesRoot: process.cwd(),
            modules: { 'worker.js': { type: 'esm', contents: WORKER } },
          },
          env: Object.fromEntries(names.map((name) => [name, { type: 'd1', id: name }])),
        },
      },
    ],
  });
  const storeOf = (name: string): Store => ({
    name,
    batch: async (statements) => {
      const body = JSON.stringify({ name, statements });
      const response = await miniflare.dispatchFetch('http://localhost', { method: 'POST', body });
      const { rows, error }: { rows: Row[][]; error?: string } = await response.json();
      if (error !== undefined) throw new Error(error);
      return rows;
    },
  });
  const stores = names.map(storeOf);
  for (const { batch } of stores) await batch(migrationStatements().map((sql) => ({ sql, params: [] })));
  return { stores, stop: () => miniflare.dispose() };
}
