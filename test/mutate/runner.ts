/**
 * Stands in for vitest's own runner inside workerd: asks the program in Node for one job after another, a test file with one
 * mutant, and answers what became of it. Modules of src and test are evaluated anew for each job, so that what a module or an
 * app computes once is computed with the mutant. The loop over the files is vitest's; jobs are appended to it.
 */
import { inject, type RunnerTask, type RunnerTestFile, type RunnerTestSuite, TestRunner } from 'vitest';
import type { Job, Result, Trace } from './job.ts';

type Task = RunnerTask | RunnerTestFile | RunnerTestSuite;
type Statement = { readonly sql: string; readonly params: readonly string[] };
type Patch = readonly [id: number, start: number, end: number, to: string];

let active = 0;
const reached = new Set<number>();
const read = new Set<string>();

Object.assign(globalThis, {
  /** The switch: whether this mutant is the program now. */
  __mutant: (id: number) => {
    reached.add(id);
    return id === active;
  },
  /** A constant that a module has computed when it loaded, and that a function reads now. */
  __constantRead: (name: string) => {
    read.add(name);
  },
  /** A statement of generated SQL. It is reached where its text is sent, not where it is made, which is once for all tests. */
  __mutantOfStatement: (statement: (text: string) => Statement, text: string, patches: readonly Patch[]) => {
    const patch = patches.find(([id]) => id === active);
    const { sql, params } = statement(patch ? text.slice(0, patch[1]) + patch[3] + text.slice(patch[2]) : text);
    return {
      params,
      get sql() {
        for (const [id] of patches) reached.add(id);
        return sql;
      },
    };
  },
});

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the program in Node listens. */
    mutate: string;
  }
}

/** Tests put others in its place. */
const { fetch } = globalThis;

async function ask(result: Result | undefined): Promise<Job | undefined> {
  const response = await fetch(inject('mutate'), { method: 'POST', body: JSON.stringify(result ?? null) });
  return response.status === 200 ? response.json() : undefined;
}

const testsIn = (task: Task): RunnerTask[] => ('tasks' in task ? task.tasks.flatMap(testsIn) : [task]);
const suitesIn = (task: Task): Task[] => ('tasks' in task ? [task, ...task.tasks.flatMap(suitesIn)] : []);

type Transport = { invoke: (name: string, data: [string, string, { cached?: boolean }?]) => Promise<unknown> };
type ModuleRunner = {
  transport: Transport;
  vitestOptions: { transport: { resolveId: (id: string, ...importer: unknown[]) => Promise<unknown> } };
};
type Worker = {
  ctx: { files: { filepath: string; fileTags: string[] }[] };
  evaluatedModules: {
    idToModuleMap: Map<string, { promise: unknown; exports: unknown; evaluated: boolean; importers: Set<string> }>;
  };
};

// biome-ignore lint/style/noDefaultExport: vitest takes a runner as the default export.
export default class MutantRunner extends TestRunner {
  #job: Job | undefined;
  #started = 0;
  #traces: Trace[] = [];
  /** What is reached before the first test: by the modules when they load. */
  #loaded: number[] | undefined;
  #hasFailed = false;
  #isMigrated = false;

  get #worker(): Worker {
    return (this as unknown as { workerState: Worker }).workerState;
  }

  override importFile(filepath: string, source: 'collect' | 'setup') {
    // The first file is this one: there is no job yet. Migrations that are applied stay, unless the databases are emptied.
    const isNeeded = source === 'collect' || this.#job?.isFresh || !this.#isMigrated;
    if (!this.#job || !isNeeded) return undefined;
    if (source === 'setup') this.#isMigrated = true;
    return super.importFile(filepath, source);
  }

  /** The tests of a file are known, and not yet run. */
  onCollected(files: RunnerTestFile[]): void {
    if (this.#job?.trace === 'backward')
      for (const suite of files.flatMap(suitesIn)) if ('tasks' in suite) suite.tasks.reverse();
    const wanted = this.#job?.tests;
    if (!wanted) return;
    for (const test of files.flatMap(testsIn)) if (!wanted.includes(test.id)) test.mode = 'skip';
    for (const suite of files.flatMap(suitesIn))
      if (testsIn(suite).every(({ mode }) => mode === 'skip')) suite.mode = 'skip';
  }

  override async onAfterRunFiles(files: RunnerTestFile[]): Promise<void> {
    super.onAfterRunFiles(files);
    const [file] = files;
    const next = await ask(this.#job && file ? this.#resultOf(file) : undefined);
    // Not imported above: it brings the Worker with it, which needs the switch.
    if (next?.isFresh) await (await import('cloudflare:test')).reset();
    if (next) this.#start(next);
  }

  #resultOf(file: RunnerTestFile): Result {
    const all = testsIn(file).map((test) => ({
      id: test.id,
      name: nameOf(test),
      ms: Math.round(test.result?.duration ?? 0),
      state: test.result?.state,
    }));
    const failed = [...testsIn(file), ...suitesIn(file)].find(({ result }) => result?.state === 'fail');
    return {
      tests: all.filter(({ state }) => state === 'pass' || state === 'fail'),
      all,
      failure: failed
        ? { test: failed.id, name: nameOf(failed), message: failed.result?.errors?.[0]?.message ?? 'no message' }
        : null,
      traces: this.#traces,
      loaded: this.#loaded ?? [],
      ms: Date.now() - this.#started,
    };
  }

  #start(job: Job): void {
    if (!this.#job) this.#keepQuiet();
    this.#job = job;
    this.#hasFailed = false;
    this.config.testTimeout = job.timeoutMs;
    this.config.hookTimeout = job.timeoutMs;
    for (const [id, module] of this.#worker.evaluatedModules.idToModuleMap) {
      if (id.includes('/node_modules/') || !/\/(?:src|test)\//.test(id) || id.includes('/test/mutate/')) continue;
      Object.assign(module, { promise: undefined, exports: undefined, evaluated: false });
      module.importers.clear();
    }
    active = job.mutant;
    this.#traces = [];
    this.#loaded = job.trace === 'none' ? [] : undefined;
    reached.clear();
    this.#started = Date.now();
    this.#worker.ctx.files.push({ filepath: job.file, fileTags: [] });
  }

  /**
   * Nothing that Node knows already is asked again, and nothing is told that nobody reads: the code of a module that is
   * evaluated anew is here, and what becomes of a job goes to the program and not to vitest's reporters.
   */
  #keepQuiet(): void {
    const { transport, vitestOptions } = (this as unknown as { moduleRunner: ModuleRunner }).moduleRunner;
    const invoke = transport.invoke.bind(transport);
    transport.invoke = async (name, data) =>
      name === 'fetchModule' && data[2]?.cached ? { cache: true } : invoke(name, data);
    const { resolveId } = vitestOptions.transport;
    const resolved = new Map<string, unknown>();
    vitestOptions.transport.resolveId = async (id, ...others) => {
      if (others.length > 0) return resolveId(id, ...others);
      if (!resolved.has(id)) resolved.set(id, await resolveId(id));
      return resolved.get(id);
    };
    const { onCollectStart, onCollected, onAfterRunTask } = MutantRunner.prototype;
    Object.assign(this, { onCollectStart, onCollected, onAfterRunTask, onTaskUpdate: () => undefined });
  }

  /** No test here has a snapshot. */
  override async onAfterRunSuite(): Promise<void> {}

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    if (this.#hasFailed) test.mode = 'skip';
    await super.onBeforeRunTask(test as never);
    this.#loaded ??= [...reached];
    reached.clear();
    read.clear();
  }

  override onAfterRunTask(test: RunnerTask): void {
    super.onAfterRunTask(test as never);
    if (this.#job?.trace !== 'none') this.#traces.push({ id: test.id, reached: [...reached], read: [...read] });
    // One failed test is enough.
    if (test.result?.state === 'fail' && this.#job?.trace === 'none') this.#hasFailed = true;
  }
}

function nameOf(task: Task): string {
  const { suite } = task;
  return suite && suite.name !== '' ? `${nameOf(suite)} > ${task.name}` : task.name;
}
