/**
 * Configures the tests that need an installed Chromium. `npm run test:browser` runs them; `npm
 * test` does not.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/browser/*.test.ts'],
    // The Worker writes one log line for each request. Only a failing test shows its lines.
    silent: 'passed-only',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
