/** Configures `npm run test:clients`, which `npm test` leaves out. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // Without this setting, each run prints the Worker's log and the provider's setup warning.
    silent: 'passed-only',
    // Most tools need two seconds, but much longer on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
