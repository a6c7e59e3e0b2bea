/** Implements `npm run bench`, which prints the tables of README.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureCpu } from './cpu.ts';
import { measureDistance } from './distance.ts';
import { countInstructions } from './instructions.ts';
import { measureLocal } from './local.ts';
import { measureObjects } from './objects.ts';
import { measureScale } from './scale.ts';
import { measureStartup } from './startup.ts';
import { type Bundle, bundle, type Name, WORKERS } from './workers.ts';

const DEADLINE_MS = 15 * 60 * 1000;

type Part = (bundles: ReadonlyMap<Name, Bundle>, root: string) => Promise<string>;
const PARTS: { readonly [name: string]: Part } = {
  cpu: measureCpu,
  local: measureLocal,
  startup: measureStartup,
  distance: measureDistance,
  d1: (_, root) => measureScale(root),
  objects: (_, root) => measureObjects(root),
  instructions: (bundles) => countInstructions(bundles, only),
};
const [, , part, only] = process.argv;
if (part === '--help') {
  console.log(
    `npm run bench prints what test/bench/README.md has; npm run bench -- PART one of ${Object.keys(PARTS).join(', ')}.`,
  );
  process.exit();
}
if (part !== undefined && !(part in PARTS)) {
  console.error(`bench: there is no part ${part}, only ${Object.keys(PARTS).join(', ')}`);
  process.exit(1);
}

const root = mkdtempSync(join(tmpdir(), 'run-evaluation-bench-'));
setTimeout(() => {
  console.error(`bench: not done within ${DEADLINE_MS / 60_000} minutes, given up`);
  process.exit(1);
}, DEADLINE_MS).unref();
process.once('exit', () => rmSync(root, { recursive: true, force: true }));

const bundles = new Map(WORKERS.map((name) => [name, bundle(name, root)] as const));
const [{ model = 'unknown' } = {}] = cpus();
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}\n`);
for (const [name, measure] of Object.entries(PARTS)) {
  if (part === undefined || part === name) console.log(`${await measure(bundles, root)}\n`);
}
process.exit();
