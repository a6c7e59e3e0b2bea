/** Starts threads that run simulations, each with globals of its own. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Kind } from './check.ts';
import type { FaultName } from './faults.ts';

export type Order = { readonly seed: number; readonly fault?: FaultName };

export type Report = {
  readonly operations: number;
  /** Differs if anything in the run does: a response, its time, a stored value. */
  readonly digest: string;
  /** The first fault that was found, and the text that describes it. */
  readonly kind: Kind | undefined;
  readonly text: string | undefined;
};

export function startThread() {
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'));
  return {
    /** Runs one seed. A thread runs one at a time. */
    run: async (order: Order): Promise<Report> => {
      worker.postMessage(order);
      const [report] = await once(worker, 'message');
      return report;
    },
    stop: () => worker.terminate(),
  };
}
