/**
 * Keeps what a test writes to the console, and prints it only if the test fails. Vitest's own
 * `silent: 'passed-only'` prints the same, but sends each line to its main process first: a tenth
 * of the time of the suite. The files of a worker share this module, so the console is replaced
 * once.
 */
import { beforeEach } from 'vitest';

const { log: print } = console;
const lines: unknown[][] = [];

for (const level of ['log', 'info', 'warn', 'error'] as const)
  console[level] = (...line: unknown[]) => lines.push(line);

/** Has the tests of the present file print what they wrote if they fail. */
export function printIfFailed(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0;
    onTestFailed(() => {
      for (const line of lines) print(...line);
    });
  });
}
