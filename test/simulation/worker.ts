/** The code of a worker thread. Runs each seed that it receives, and sends back a report. */
import { parentPort } from 'node:worker_threads';
import { collectMessages } from '../../src/failure.ts';
import { plantFault } from './faults.ts';
import { replaceGlobals, replaceRuntime } from './sandbox.ts';
import type { Report, RunOrder } from './thread.ts';

replaceRuntime();
// run.ts imports `cloudflare:workers`, which Node can load only after `replaceRuntime`.
const { runSeed } = await import('./run.ts');
const { describeFinding } = await import('./report.ts');
const enterWorld = replaceGlobals();

parentPort?.on('message', async ({ seed, fault }: RunOrder) => {
  const result = runSeed(seed, enterWorld, fault && plantFault(fault)).catch((thrown: unknown) => {
    throw new Error(`seed ${seed}: ${collectMessages(thrown)}`);
  });
  const { operations, digest, findings } = await result;
  const [first] = findings;
  const text = first && describeFinding(seed, first);
  const report: Report = { operations, digest, kind: first?.fault[0], text };
  parentPort?.postMessage(report);
});
