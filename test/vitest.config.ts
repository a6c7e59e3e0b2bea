/**
 * Configures two projects. The project `workerd` runs the suite inside workerd on a real local D1.
 * The project `node` runs the tests that look at the Worker from outside.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { LINK_SECRET, SECRET } from './support/secret.ts';

// Without this, each run prints that it uses .env, which has no settings of the Worker.
process.env['CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV'] = 'false';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every setting, blank. The settings of a developer's own .dev.vars must not reach a test. */
const NO_SETTINGS = parseEnv(readFileSync(`${root}/.dev.vars.example`, 'utf8'));

/** The files about D1 itself, which `npm run check:objects` leaves out. */
const OF_D1 = ['session', 'health', 'migration', 'account-object'].map(
  (name) => `test/${name}.test.ts`,
);

/**
 * The seed and the number of inputs of the property tests. `npm test` always has the same inputs.
 * `npm run check:random` has other ones, twenty times as many. A failure prints its seed, and
 * `SEED=<seed> npm run check:random` repeats it.
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
      // The tests in Node need this setting. In workerd support/console.ts does the same, and
      // faster.
      silent: 'passed-only',
      // The tests in Node wait for other processes most of the time.
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
                // Some tests apply the migrations themselves.
                d1Databases: { OLD_DB: 'old', EMPTY_DB: 'empty' },
                // The suite is one account that sends more than an account may.
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
            exclude: inObjects ? OF_D1 : [],
            restoreMocks: true,
            // The bound allows for a busy machine: no test here waits for time to pass.
            testTimeout: mode === 'random' ? 600_000 : 60_000,
            hookTimeout: 60_000,
            // Each test has rows of its own, so the files may share an isolate. This saves the
            // start of an isolate for each file.
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
            // The longest test takes 2.5 s on a quiet machine with two cores.
            testTimeout: 60_000,
            hookTimeout: 60_000,
            // The files share no state, and wrangler takes half a second to load.
            isolate: false,
          },
        },
      ],
    },
  };
});
