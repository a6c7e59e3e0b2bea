/**
 * Which tests reach which mutant. Each file runs forward and backward: what a test reaches in one order only is done once for
 * several, such as reading the settings, and counts for every test of the file. Kept in a file, by what it depends on.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, globSync, readFileSync } from 'node:fs';
import type { Result, TestId } from './job.ts';
import { constantsBehind, type Found, root } from './mutants.ts';
import type { Workerd } from './workerd.ts';

/** The property tests, with every switch traced, on a machine that is busy. */
const TEST_MAX_MS = 120_000;
const FILE_MAX_MS = 600_000;

export type CoveredTest = TestId & {
  readonly file: string;
  readonly reached: readonly number[];
  readonly read: readonly string[];
  /** The mutants that its file has reached before its tests. */
  readonly loaded: readonly number[];
};

export const hashOf = (...parts: readonly string[]) =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);

const textOf = (pattern: string) =>
  globSync(pattern, { cwd: root })
    .sort()
    .map((file) => `${file}\n${readFileSync(`${root}${file}`, 'utf8')}`);

export const testFiles = () => globSync('test/*.test.ts', { cwd: root }).sort();

const PROGRAM = ['src/**/*.{ts,json}', 'drizzle/*.sql', 'test/support/*.ts', 'test/vitest.config.ts', 'wrangler.toml'];

/** Everything that a result depends on but the test file itself. */
export const hashOfProgram = ({ mutants }: Found) => hashOf(...PROGRAM.flatMap(textOf), JSON.stringify(mutants));

export const hashOfTest = (file: string) => hashOf(readFileSync(`${root}${file}`, 'utf8'));

/** What must be empty at its start has to be emptied for it. */
export const needsEmptyDatabases = (file: string) =>
  /support\/databases\.ts|OLD_DB/.test(readFileSync(`${root}${file}`, 'utf8'));

export async function readCoverage(
  store: string,
  program: string,
  workers: readonly Workerd[],
  log: (line: string) => void,
): Promise<CoveredTest[]> {
  type Line = { program: string; hash: string; tests: CoveredTest[]; file: string };
  const lines = existsSync(store)
    ? readFileSync(store, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line): Line => JSON.parse(line))
    : [];
  const kept = new Map(
    lines
      .filter((line) => line.program === program && line.hash === hashOfTest(line.file))
      .map((line) => [line.file, line.tests]),
  );
  const missing = testFiles().filter((file) => !kept.has(file));
  const red: string[] = [];

  const work = async (workerd: Workerd) => {
    for (let file = missing.shift(); file !== undefined; file = missing.shift()) {
      const job = {
        mutant: 0,
        file: `${root}${file}`,
        tests: null,
        timeoutMs: TEST_MAX_MS,
        isFresh: needsEmptyDatabases(file),
      };
      const forward = await workerd.run({ ...job, trace: 'forward' }, FILE_MAX_MS);
      const backward = await workerd.run({ ...job, trace: 'backward' }, FILE_MAX_MS);
      const { failure } = forward;
      if (failure) {
        red.push(`${file}: ${failure.name}: ${failure.message}`);
        continue;
      }
      const tests = traced(file, forward, backward);
      kept.set(file, tests);
      appendFileSync(store, `${JSON.stringify({ program, hash: hashOfTest(file), file, tests })}\n`);
      log(`${file}: ${tests.length} tests, ${missing.length} files to go`);
    }
  };
  await Promise.all(workers.map(work));
  if (red.length > 0) throw new Error(`tests fail without a mutant:\n${red.join('\n')}`);
  return [...kept.values()].flat();
}

function traced(file: string, forward: Result, backward: Result): CoveredTest[] {
  const [first, second] = [forward, backward].map(({ traces }) => new Map(traces.map((trace) => [trace.id, trace])));
  const [onceReached, onceRead] = [new Set<number>(), new Set<string>()];
  for (const { id } of forward.tests) {
    const [a, b] = [first?.get(id), second?.get(id)];
    for (const one of new Set(a?.reached).symmetricDifference(new Set(b?.reached))) onceReached.add(one);
    for (const one of new Set(a?.read).symmetricDifference(new Set(b?.read))) onceRead.add(one);
  }
  return forward.tests.map((test) => ({
    ...test,
    file,
    reached: [...new Set(first?.get(test.id)?.reached).union(onceReached)],
    read: [...new Set(first?.get(test.id)?.read).union(onceRead)],
    loaded: forward.loaded,
  }));
}

/** The tests that may kill a mutant, by its id. */
export function testsByMutant(
  found: Found,
  tests: readonly CoveredTest[],
): ReadonlyMap<number, readonly CoveredTest[]> {
  const behind = constantsBehind(found);
  const isConstant = new Set(found.mutants.filter(({ scope }) => typeof scope === 'string').map(({ id }) => id));
  const byMutant = new Map<number, CoveredTest[]>(found.mutants.map(({ id }) => [id, []]));
  const byConstant = new Map<string, CoveredTest[]>([...found.constants].map((name) => [name, []]));
  const sources = new Map(testFiles().map((file) => [file, readFileSync(`${root}${file}`, 'utf8')]));
  for (const test of tests) {
    // Every test that loads a module has made its constants: what counts is who reads them.
    for (const id of test.reached) if (!isConstant.has(id)) byMutant.get(id)?.push(test);
    const read = new Set(test.read.flatMap((name) => [...behind(name)]));
    for (const constant of found.constants) {
      const name = constant.split('#')[1] ?? '';
      if (read.has(constant) || sources.get(test.file)?.includes(`${name}`)) byConstant.get(constant)?.push(test);
    }
  }
  for (const { id, file, scope } of found.mutants)
    if (typeof scope === 'string') byMutant.set(id, byConstant.get(`${file}#${scope}`) ?? []);
  // What only runs when a module loads makes what every test may use.
  const loaded = new Set(found.mutants.filter(({ id }) => byMutant.get(id)?.length === 0).map(({ id }) => id));
  for (const test of tests) for (const id of test.loaded) if (loaded.has(id)) byMutant.get(id)?.push(test);
  return byMutant;
}
