/**
 * The Worker and its document met by other people's tools, apart from `npm test`: `npm run
 * test:clients` installs them.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // The Worker writes one log line a request, and the provider warns that it is not one for
    // production: shown only for a test that fails.
    silent: 'passed-only',
    // A tool takes two seconds, and many times that on a machine that is busy with other things.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
