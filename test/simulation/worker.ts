/** Runs in a thread: receives a seed, runs it, and sends a report. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../src/failure.ts';
import { plantFault } from './faults.ts';
import { replaceGlobals, replaceRuntime } from './sandbox.ts';
import type { Order, Report } from './thread.ts';

replaceRuntime();
// These modules import `cloudflare:workers`.
const { runSeed } = await import('./run.ts');
const { describeFinding } = await import('./report.ts');
const enterWorld = replaceGlobals();

parentPort?.on('message', async ({ seed, fault }: Order) => {
  const result = runSeed(seed, enterWorld, fault && plantFault(fault)).catch((thrown: unknown) => {
    throw new Error(`seed ${seed}: ${messageOf(thrown)}`);
  });
  const { operations, digest, findings } = await result;
  const [first] = findings;
  const text = first && describeFinding(seed, first);
  const report: Report = { operations, digest, kind: first?.fault[0], text };
  parentPort?.postMessage(report);
});
