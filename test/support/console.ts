/**
 * Prints a test's console output only if the test fails. Vitest's own `silent: 'passed-only'` would
 * take a tenth of the suite's time.
 */
import { beforeEach } from 'vitest';

const { log: print } = console;
const lines: unknown[][] = [];

for (const level of ['log', 'info', 'warn', 'error'] as const)
  console[level] = (...line: unknown[]) => lines.push(line);

/**
 * Every test file calls this function, because many files share an isolate and load this module
 * once.
 */
export function printIfFailed(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0;
    onTestFailed(() => {
      for (const line of lines) print(...line);
    });
  });
}
