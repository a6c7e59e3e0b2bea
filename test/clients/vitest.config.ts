/** The Worker and its document met by other people's tools, apart from `npm test`: `npm run test:clients` installs them. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    // The Worker writes one log line a request, and the provider warns that it is not one for production: shown only for a
    // test that fails.
    silent: 'passed-only',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
