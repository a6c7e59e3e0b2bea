/** Configures `npm run check:setup`: the tests that run the project's commands and examples. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/setup/*.test.ts', 'test/examples/*.test.ts'],
    silent: 'passed-only',
    maxWorkers: 2,
    // The time limit for a test. The longest test takes 12 s on two idle cores.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
