/** A thread that runs the seeds that it is sent, one after the other, and answers with reports. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../src/failure.ts';
import { plant } from './faults.ts';
import { replaceGlobals, replaceRuntime } from './sandbox.ts';
import type { Order, Report } from './thread.ts';

replaceRuntime();
// Their imports need what was replaced.
const { run } = await import('./run.ts');
const { describeFinding } = await import('./report.ts');
const enter = replaceGlobals();

parentPort?.on('message', async ({ seed, fault }: Order) => {
  const result = run(seed, enter, fault && plant(fault)).catch((thrown: unknown) => {
    throw new Error(`seed ${seed}: ${messageOf(thrown)}`);
  });
  const { operations, digest, findings } = await result;
  const [first] = findings;
  const text = first && describeFinding(seed, first);
  const report: Report = { operations, digest, kind: first?.fault[0], text };
  parentPort?.postMessage(report);
});
