/**
 * Collects the console output of a test, and prints it only if the test fails. Vitest's own
 * `silent: 'passed-only'` does the same, but sends each line to Vitest's main process. These
 * messages would take a tenth of the suite's time. Many test files share an isolate, which loads
 * this module only once. So the module replaces the console only once, and each file calls
 * `printIfFailed`.
 */
import { beforeEach } from 'vitest';

const { log: print } = console;
const lines: unknown[][] = [];

for (const level of ['log', 'info', 'warn', 'error'] as const)
  console[level] = (...line: unknown[]) => lines.push(line);

/** Makes each test of the current file print its console output if the test fails. */
export function printIfFailed(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0;
    onTestFailed(() => {
      for (const line of lines) print(...line);
    });
  });
}
