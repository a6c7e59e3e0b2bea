/**
 * Configures the tests that use the Worker and its document with other people's tools, apart from
 * `npm test`. `npm run test:clients` installs the tools.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // The Worker writes one log line for each request, and the provider warns that it is not for
    // production. Only a failing test shows its lines.
    silent: 'passed-only',
    // A tool takes two seconds, and many times that on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
