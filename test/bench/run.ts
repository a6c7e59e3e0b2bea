/**
 * `npm run bench`: what a request, a cold start and a large database cost, beside a hand-written Worker and two usual
 * stacks. A few minutes; loopback only; Linux, because it reads the CPU of a process there.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureCpu } from './cpu.ts';
import { measureScale } from './scale.ts';
import { measureStartup } from './startup.ts';
import { bundle, WORKERS } from './workers.ts';

const DEADLINE_MS = 15 * 60 * 1000;

const root = mkdtempSync(join(tmpdir(), 'run-evaluation-bench-'));
setTimeout(() => {
  console.error(`bench: not done within ${DEADLINE_MS / 60_000} minutes, given up`);
  process.exit(1);
}, DEADLINE_MS).unref();
process.once('exit', () => rmSync(root, { recursive: true, force: true }));

const bundles = new Map(WORKERS.map((name) => [name, bundle(name, root)] as const));
const [{ model = 'unknown' } = {}] = cpus();
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}\n`);
console.log(`${await measureCpu(bundles)}\n`);
console.log(`${await measureStartup(bundles, root)}\n`);
console.log(await measureScale(root));
process.exit();
