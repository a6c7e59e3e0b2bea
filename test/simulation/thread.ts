/** Starts threads that run seeds. Each thread has its own globals. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Kind } from './check.ts';
import type { FaultName } from './faults.ts';

export type Order = { readonly seed: number; readonly fault?: FaultName };

export type Report = {
  readonly operations: number;
  /** Two runs with one digest had the same responses at the same times, and stored the same. */
  readonly digest: string;
  /** The kind and the description of the first fault. */
  readonly kind: Kind | undefined;
  readonly text: string | undefined;
};

export function startThread() {
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'));
  return {
    /** Runs one seed. Call it again only after the report of the last seed. */
    run: async (order: Order): Promise<Report> => {
      worker.postMessage(order);
      const [report] = await once(worker, 'message');
      return report;
    },
    stop: () => worker.terminate(),
  };
}
