/**
 * Prints a test's console output only if the test fails. Vitest's own `silent: 'passed-only'` would
 * slow the suite down by a tenth.
 */
import { beforeEach } from 'vitest';

const { log: print } = console;
const lines: unknown[][] = [];

for (const level of ['log', 'info', 'warn', 'error'] as const)
  console[level] = (...line: unknown[]) => lines.push(line);

/**
 * Prints the output of failed tests. Each test file must call this function: many files share one
 * copy of this module.
 */
export function printIfFailed(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0;
    onTestFailed(() => {
      for (const line of lines) print(...line);
    });
  });
}
