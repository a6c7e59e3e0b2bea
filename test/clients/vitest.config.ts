/** Configures `npm run test:clients`, which `npm test` leaves out. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // Hides the Worker's log and the provider's setup warning, unless a test fails.
    silent: 'passed-only',
    // Most tools need two seconds. A busy machine needs much longer.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
