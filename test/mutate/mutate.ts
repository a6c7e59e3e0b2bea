/**
 * `npm run mutate`: changes the program in one small place after another and runs the tests that reach it. Exits 1 if under
 * 95 % of the changes make a test fail, or if one that does not is missing in README.md with the reason.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { hashOfProgram, readCoverage, testsByMutant } from './coverage.ts';
import { createJudge, type Verdict } from './judge.ts';
import type { Mutant } from './mutant.ts';
import { findMutants, root } from './mutants.ts';
import { createRanking } from './ranking.ts';
import { report } from './report.ts';
import { isKill, openResults } from './results.ts';
import { createWorkerd } from './workerd.ts';

const HELP = `Mutates src/evaluation, src/auth, src/link, src/db and the generated SQL, and runs the tests that reach each mutant.

  npm run mutate -- [options]

  --only PATH     mutants of files whose path begins so, such as src/auth
  --sample N      so many of them, chosen at random
  --seed N        chooses the same again (1)
  --workers N     how many run at a time (2)
  --seconds N     how long the tests of one mutant may take; beyond that it stays open (20)
  --anew          without the results of an earlier run
  --report        only what earlier runs have found
  --help          this text`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'src/' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '20' },
    anew: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const folder = `${root}node_modules/.cache/mutate`;
const [coverageStore, resultStore] = [`${folder}/coverage.jsonl`, `${folder}/results.jsonl`];

/** The mulberry32 generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function chosen(mutants: readonly Mutant[]): Mutant[] {
  const own = mutants.filter(({ file }) => file.startsWith(values.only));
  if (values.sample === undefined) return own;
  const random = seeded(Number(values.seed));
  // In the order in which they are drawn: a run that is cut off has a smaller sample.
  const drawn = own.map((mutant) => ({ mutant, rank: random() })).sort((a, b) => a.rank - b.rank);
  return drawn.slice(0, Number(values.sample)).map(({ mutant }) => mutant);
}

async function mutate(): Promise<boolean> {
  const found = findMutants();
  const wanted = chosen(found.mutants);
  const program = hashOfProgram(found);
  if (values.anew) rmSync(resultStore, { force: true });
  mkdirSync(folder, { recursive: true });
  const results = openResults(resultStore, found);
  const verdicts = results.read();

  if (!values.report) {
    const workers = await Promise.all(Array.from({ length: Number(values.workers) }, createWorkerd));
    const stop = () => Promise.all(workers.map((workerd) => workerd.stop()));
    process.on('SIGINT', () => stop().finally(() => process.exit(130)));
    process.on('SIGTERM', () => stop().finally(() => process.exit(143)));
    try {
      const tests = await readCoverage(coverageStore, program, workers, (line) => console.error(line));
      const byMutant = testsByMutant(found, tests);
      const ranking = createRanking(found, tests, byMutant);
      const testById = new Map(tests.map((test) => [test.id, test]));
      for (const { mutant, testId } of verdicts.values()) {
        const killer = testById.get(testId ?? '');
        if (killer) ranking.learn(mutant, killer);
      }
      const queue = wanted.filter(({ id }) => (verdicts.get(id)?.state ?? 'open') === 'open');
      const started = Date.now();
      const total = queue.length;
      let done = 0;
      const settle = (verdict: Verdict) => {
        const { mutant, state } = verdict;
        verdicts.set(mutant.id, verdict);
        results.write(verdict);
        done += 1;
        if (!isKill(state)) console.error(`${state}: ${mutant.file}: ${mutant.before} → ${mutant.after}`);
        if (done % 50 === 0)
          console.error(`${done} of ${total}, ${((Date.now() - started) / 1000 / done).toFixed(2)} s each`);
      };
      await Promise.all(
        workers.map(async (workerd) => {
          const { judge, confirm } = createJudge(workerd, ranking, Number(values.seconds) * 1000, settle);
          for (let mutant = queue.shift(); mutant; mutant = queue.shift())
            await judge(mutant, byMutant.get(mutant.id) ?? []);
          await confirm();
        }),
      );
    } finally {
      await stop();
    }
  }
  const isPart = values.only !== 'src/' || values.sample !== undefined;
  return report(wanted, verdicts, isPart);
}

if (values.help) console.log(HELP);
else process.exitCode = (await mutate()) ? 0 : 1;
