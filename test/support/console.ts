/**
 * Keeps what a test writes to the console, and prints it only if the test fails. Vitest's own
 * `silent: 'passed-only'` prints the same, but sends each line to its main process first. This
 * would take a tenth of the suite's time. The files of a worker share this module, so it replaces
 * the console once.
 */
import { beforeEach } from 'vitest';

const { log: print } = console;
const lines: unknown[][] = [];

for (const level of ['log', 'info', 'warn', 'error'] as const)
  console[level] = (...line: unknown[]) => lines.push(line);

/** Makes the tests of the present file print what they wrote to the console if they fail. */
export function printIfFailed(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0;
    onTestFailed(() => {
      for (const line of lines) print(...line);
    });
  });
}
