/** Starts threads that run seeds. Each thread has its own globals, which worker.ts replaces. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Kind } from './check.ts';
import type { FaultName } from './faults.ts';

export type RunOrder = { readonly seed: number; readonly fault?: FaultName };

export type Report = {
  readonly operations: number;
  /** A hash of the responses and rows. Two runs of one seed must have equal digests. */
  readonly digest: string;
  /** The kind of the first fault; undefined if the run has no fault. */
  readonly kind: Kind | undefined;
  readonly text: string | undefined;
};

export function startThread() {
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'));
  return {
    /** Runs one seed. The caller must await the report before the next call. */
    run: async (order: RunOrder): Promise<Report> => {
      worker.postMessage(order);
      const [report] = await once(worker, 'message');
      return report;
    },
    stop: () => worker.terminate(),
  };
}
