/** What the program in Node and the runner in workerd say to each other, as JSON. */

export type Job = {
  /** 0 for the program as it is. */
  readonly mutant: number;
  readonly file: string;
  /** The ids of the tests to run; none to learn which there are; null for all. */
  readonly tests: readonly string[] | null;
  /** How long a test may take that has no limit of its own. */
  readonly timeoutMs: number;
  /** Whether to empty the databases first. */
  readonly isFresh: boolean;
  /** Whether to tell what each test has reached; the last test first, for the other. */
  readonly trace: 'none' | 'forward' | 'backward';
};

export type TestId = { readonly id: string; readonly name: string; readonly ms: number };

/** The mutants that a test has reached, and the constants of modules that functions have read. */
export type Trace = { readonly id: string; readonly reached: readonly number[]; readonly read: readonly string[] };

export type Result = {
  /** What ran. The last one has failed, if any. */
  readonly tests: readonly TestId[];
  /** All tests of the file. */
  readonly all: readonly TestId[];
  readonly failure: { readonly test: string; readonly name: string; readonly message: string } | null;
  readonly traces: readonly Trace[];
  /** The mutants that modules have reached when they were loaded. */
  readonly loaded: readonly number[];
  readonly ms: number;
};
