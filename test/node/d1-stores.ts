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
      const results = await env[name].batch(prepared);
      const sum = (of) => results.reduce((total, { meta }) => total + meta[of], 0);
      const cost = { calls: 1, rows_read: sum('rows_read'), rows_written: sum('rows_written') };
      return Response.json({ rows: results.map((result) => result.results), cost });
    } catch ({ message }) {
      return Response.json({ error: message });
    }
  },
};
`;

/** Calls, and rows as D1 counts and bills them. */
type Cost = { calls: number; rows_read: number; rows_written: number };

export type Stores = {
  readonly stores: readonly Store[];
  /** Of all calls so far. */
  readonly cost: Readonly<Cost>;
  readonly stop: () => Promise<void>;
};

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
  const cost: Cost = { calls: 0, rows_read: 0, rows_written: 0 };
  const storeOf = (name: string): Store => ({
    name,
    batch: async (statements) => {
      const body = JSON.stringify({ name, statements });
      const response = await miniflare.dispatchFetch('http://localhost', { method: 'POST', body });
      const answer: { rows: Row[][]; cost: Cost; error?: string } = await response.json();
      const { rows, error } = answer;
      if (error !== undefined) throw new Error(error);
      for (const what of ['calls', 'rows_read', 'rows_written'] as const) cost[what] += answer.cost[what];
      return rows;
    },
  });
  const stores = names.map(storeOf);
  for (const { batch } of stores) await batch(migrationStatements().map((sql) => ({ sql, params: [] })));
  return { stores, cost, stop: () => miniflare.dispose() };
}
