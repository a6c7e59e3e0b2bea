/**
 * Configures two projects. The project `workerd` runs the tests of this folder inside workerd, on a
 * real local D1. The project `node` runs the tests of test/node/ in Node.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { LINK_SECRET, SECRET } from './support/secret.ts';

// Without this setting, each run prints that it reads .env, although .env has no settings of the
// Worker.
process.env['CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV'] = 'false';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * All settings of the Worker, each with a blank value. If a developer has a .dev.vars, these blank
 * values replace the developer's settings in the tests.
 */
const NO_SETTINGS = parseEnv(readFileSync(`${root}/.dev.vars.example`, 'utf8'));

/**
 * The test files about D1 itself. `npm run check:objects` leaves them out, because it stores all
 * rows in a Durable Object.
 */
const D1_TESTS = ['session', 'health', 'migration', 'account-object'].map(
  (name) => `test/${name}.test.ts`,
);

/**
 * The seed of the property tests, and a factor for the number of inputs. `npm test` always tries
 * the same inputs. `npm run check:random` tries twenty times as many, from a new seed. A failure
 * prints its seed, and `SEED=<seed> npm run check:random` repeats the failure.
 */
const FIXED = { seed: 1, factor: 1 };
const random = () => ({
  seed: Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31)),
  factor: 20,
});

export default defineConfig(async ({ mode }): Promise<ViteUserConfig> => {
  const inObjects = mode === 'objects';
  return {
    root,
    test: {
      // Only the tests in Node need this setting, which prints the console output of a test only if
      // the test fails. In workerd, support/console.ts does this faster.
      silent: 'passed-only',
      // The tests in Node mostly wait for other processes, so two of them can run at the same time.
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
                // Two more databases, for the tests of migrations. These tests apply the migrations
                // themselves.
                d1Databases: { OLD_DB: 'old', EMPTY_DB: 'empty' },
                // All tests send requests for one account. Together they send more requests than
                // the real rate limit allows.
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
            // No test of this project waits long, because the tests use fake clocks. The long
            // timeout is for a busy machine.
            testTimeout: mode === 'random' ? 600_000 : 60_000,
            hookTimeout: 60_000,
            // The test files can share an isolate, because each test has its own rows. A new
            // isolate for each file would be slow.
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
            // On a quiet machine with two cores, the longest test takes 2.5 s. The long timeout is
            // for a busy machine.
            testTimeout: 60_000,
            hookTimeout: 60_000,
            // The test files can share a process, because no file changes state that another file
            // uses. With `isolate`, each file would load wrangler again, which takes half a second.
            isolate: false,
          },
        },
      ],
    },
  };
});
