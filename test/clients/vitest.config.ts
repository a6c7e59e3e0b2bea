/**
 * Configures `npm run test:clients`, which installs other people's tools and uses them with the
 * Worker and its OpenAPI document. `npm test` does not run these tests.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // Prints the console output of failed tests only. Otherwise each run would print the Worker's
    // log, and the provider's warning that its setup is not for production.
    silent: 'passed-only',
    // Most tools need two seconds, but much longer on a busy machine. So the limit is two minutes.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
