/**
 * Whether a mutant is killed. Its tests run file by file, those first that have killed the most of its neighbours. Then the
 * tests that killed are run without the mutant, some at a time: one that fails there shows nothing about the mutant.
 */
import { type CoveredTest, needsEmptyDatabases } from './coverage.ts';
import type { Job } from './job.ts';
import type { Mutant } from './mutant.ts';
import { root } from './mutants.ts';
import type { Ranking } from './ranking.ts';
import { JobError, type Workerd } from './workerd.ts';

export type Verdict = {
  readonly mutant: Mutant;
  readonly state: 'killed' | 'timeout' | 'survived' | 'unreached' | 'open';
  /** The test that killed it, with its file and what it said. */
  readonly test?: string;
  readonly testId?: string;
  readonly file?: string;
  readonly message?: string;
};

const TEST_MAX_MS = 10_000;
/** About as long a job takes its tests, by the time that they took without a mutant. */
const JOB_MS = 3000;
const UNCONFIRMED_MAX_COUNT = 24;

type Kill = {
  readonly mutant: Mutant;
  readonly file: string;
  readonly tests: readonly string[];
  readonly verdict: Verdict;
};

export function createJudge(workerd: Workerd, ranking: Ranking, budgetMs: number, settle: (verdict: Verdict) => void) {
  let unconfirmed: Kill[] = [];
  const sum = (tests: readonly CoveredTest[]) => tests.reduce((total, { ms }) => total + ms, 0) + 200;

  return { judge, confirm };

  async function run(
    file: string,
    tests: readonly CoveredTest[] | readonly string[],
    mutant: number,
    isFresh = needsEmptyDatabases(file),
  ) {
    const ids = tests.map((test) => (typeof test === 'string' ? test : test.id));
    const expected = tests.reduce((sum, test) => sum + (typeof test === 'string' ? 500 : test.ms), 0);
    const job: Job = { mutant, file: `${root}${file}`, tests: ids, timeoutMs: TEST_MAX_MS, isFresh, trace: 'none' };
    return workerd.run(job, 60_000 + 10 * expected);
  }

  async function judge(mutant: Mutant, candidates: readonly CoveredTest[]): Promise<void> {
    if (candidates.length === 0) return settle({ mutant, state: 'unreached' });
    let left = ranking.rank(mutant, candidates);
    let spent = 0;
    while (left.length > 0) {
      const next = nextOf(left);
      if (spent > 0 && spent + sum(next) > budgetMs) return settle({ mutant, state: 'open' });
      spent += sum(next);
      const [first] = next;
      if (!first) break;
      try {
        const { failure } = await run(first.file, next, mutant.id);
        if (failure) return await killed(mutant, next, failure);
      } catch (thrown) {
        if (!(thrown instanceof JobError)) throw thrown;
        return settle({ mutant, state: 'timeout', file: first.file, message: thrown.message });
      }
      left = left.filter((test) => !next.includes(test));
    }
    settle({ mutant, state: 'survived' });
  }

  /** The most likely test to kill it, and others of its file, as many as a job takes. */
  function nextOf(ranked: readonly CoveredTest[]): CoveredTest[] {
    const next: CoveredTest[] = [];
    for (const test of ranked) {
      if (test.file !== ranked[0]?.file) continue;
      if (next.length > 0 && sum([...next, test]) > JOB_MS) break;
      next.push(test);
    }
    return next;
  }

  async function killed(
    mutant: Mutant,
    ran: readonly CoveredTest[],
    failure: { test: string; name: string; message: string },
  ): Promise<void> {
    const killer = ran.find(({ id }) => id === failure.test);
    const file = ran[0]?.file ?? '';
    if (killer) ranking.learn(mutant, killer);
    const isTimeout = /timed out in \d+ms/.test(failure.message);
    const verdict: Verdict = {
      mutant,
      state: isTimeout ? 'timeout' : 'killed',
      test: failure.name,
      testId: failure.test,
      file,
      message: failure.message.slice(0, 300),
    };
    // What fails before any test, such as a module that throws, has no test of its own.
    unconfirmed.push({ mutant, file, tests: killer ? [killer.id] : ran.map(({ id }) => id), verdict });
    if (unconfirmed.length >= UNCONFIRMED_MAX_COUNT) await confirm();
  }

  async function confirm(): Promise<void> {
    const kills = unconfirmed;
    unconfirmed = [];
    for (const [file, ofFile] of Map.groupBy(kills, (kill) => kill.file)) {
      const tests = [...new Set(ofFile.flatMap((kill) => kill.tests))];
      const isGreen = await run(file, tests, 0).then(
        ({ failure }) => failure === null,
        () => false,
      );
      for (const kill of ofFile) if (isGreen || (await isKilledAgain(kill))) settle(kill.verdict);
    }
  }

  /** From empty databases: red with the mutant, and green without it. */
  async function isKilledAgain({ mutant, file, tests }: Kill): Promise<boolean> {
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      try {
        const [green, red] = [await run(file, tests, 0, true), await run(file, tests, mutant.id, true)];
        if (green.failure === null && red.failure !== null) return true;
      } catch (thrown) {
        if (!(thrown instanceof JobError)) throw thrown;
      }
      // In an isolate of its own.
      if (attempt === 1) await workerd.restart();
    }
    settle({ mutant, state: 'open', message: 'not killed again' });
    return false;
  }
}
