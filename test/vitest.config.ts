/** Configures two projects: `workerd` runs the tests of this folder, and `node` runs test/node/. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { LINK_SECRET, SECRET } from './support/secret.ts';

// Without this setting, each run prints that it reads .env.
process.env['CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV'] = 'false';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Blank settings, so that the tests ignore a developer's .dev.vars. */
const NO_SETTINGS = parseEnv(readFileSync(`${root}/.dev.vars.example`, 'utf8'));

/** `npm run check:objects` leaves out the tests that need rows in D1. */
const D1_TESTS = ['session', 'health', 'migration', 'account-object'].map(
  (name) => `test/${name}.test.ts`,
);

const FIXED = { seed: 1, factor: 1 };
/** A failure prints its seed, and `SEED=<seed> npm run check:random` repeats the failure. */
const random = () => ({
  seed: Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31)),
  factor: 20,
});

export default defineConfig(async ({ mode }): Promise<ViteUserConfig> => {
  const inObjects = mode === 'objects';
  return {
    root,
    test: {
      // Only the tests in Node need this setting. In workerd, support/console.ts hides the output.
      silent: 'passed-only',
      // Two workers are enough: the tests in Node mostly wait for other processes.
      maxWorkers: 2,
      projects: [
        {
          plugins: [
            cloudflareTest({
              ...(inObjects && { main: `${root}/test/support/all-accounts.worker.ts` }),
              wrangler: { configPath: `${root}/wrangler.toml` },
              miniflare: {
                bindings: { ...NO_SETTINGS, JWT_SECRET: SECRET, LINK_SECRET },
                ...(inObjects && {
                  durableObjects: { ALL_ACCOUNTS: { className: 'AllAccounts', useSQLite: true } },
                }),
                // The tests of migrations need databases without tables.
                d1Databases: { OLD_DB: 'old', EMPTY_DB: 'empty' },
                // All tests together send more requests for one account than the real rate limit
                // allows.
                ratelimits: {
                  RATE_LIMITER: { namespace_id: '1', simple: { limit: 1_000_000, period: 10 } },
                  SMALL_RATE_LIMITER: { namespace_id: '2', simple: { limit: 3, period: 10 } },
                },
              },
            }),
          ],
          test: {
            name: 'workerd',
            root,
            include: ['test/*.test.ts'],
            exclude: inObjects ? D1_TESTS : [],
            restoreMocks: true,
            // The long timeout is for a busy machine.
            testTimeout: mode === 'random' ? 600_000 : 60_000,
            hookTimeout: 60_000,
            // The test files can share an isolate, because each test has its own rows.
            isolate: false,
            setupFiles: ['test/support/setup.ts'],
            globalSetup: ['test/support/quiet.node.ts'],
            provide: {
              migrations: await readD1Migrations(`${root}/drizzle`),
              store: inObjects ? 'object' : 'd1',
              properties: mode === 'random' ? random() : FIXED,
              sample: readFileSync(`${root}/src/cli/sample.sql`, 'utf8'),
              authPage: readFileSync(`${root}/src/auth/README.md`, 'utf8'),
            },
          },
        },
        {
          test: {
            name: 'node',
            root,
            include: ['test/node/*.test.ts'],
            testTimeout: 60_000,
            hookTimeout: 60_000,
            // The test files can share a process, because no file changes state that another file
            // uses.
            isolate: false,
          },
        },
      ],
    },
  };
});
