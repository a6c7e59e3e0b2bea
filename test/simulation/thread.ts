/**
 * Starts threads that run seeds. A run replaces global objects such as `Date`. Each thread has its
 * own global objects, so several threads can run seeds at the same time.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Kind } from './check.ts';
import type { FaultName } from './faults.ts';

export type RunOrder = { readonly seed: number; readonly fault?: FaultName };

export type Report = {
  readonly operations: number;
  /**
   * A hash of all outcomes, their times, and the stored rows. Two runs of one seed must give the
   * same hash.
   */
  readonly digest: string;
  /**
   * The kind of the first fault; undefined if the run has no fault. `text` describes this fault for
   * the terminal.
   */
  readonly kind: Kind | undefined;
  readonly text: string | undefined;
};

export function startThread() {
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'));
  return {
    /**
     * Runs one seed, and returns its report. The caller must await this report before the next
     * call.
     */
    run: async (order: RunOrder): Promise<Report> => {
      worker.postMessage(order);
      const [report] = await once(worker, 'message');
      return report;
    },
    stop: () => worker.terminate(),
  };
}
