/**
 * Collects the console output of a test, and prints it only if the test fails. Vitest's own
 * `silent: 'passed-only'` does the same, but sends each line to Vitest's main process. Those
 * messages would take a tenth of the suite's time. The module replaces the console only once,
 * because many test files share an isolate and its modules.
 */
import { beforeEach } from 'vitest';

const { log: print } = console;
const lines: unknown[][] = [];

for (const level of ['log', 'info', 'warn', 'error'] as const)
  console[level] = (...line: unknown[]) => lines.push(line);

/** Prints the console output of each failed test in the current file. */
export function printIfFailed(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0;
    onTestFailed(() => {
      for (const line of lines) print(...line);
    });
  });
}
