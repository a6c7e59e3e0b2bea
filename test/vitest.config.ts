/** Two projects: the suite proper inside workerd on a real local D1; in Node what works on the Worker from outside. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { LINK_SECRET, SECRET } from './support/secret.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The inputs of the property tests: the same in each `npm test`; others, and twenty times as many, in each `npm run
 * check:random`. A failure prints its seed, and `SEED=<seed> npm run check:random` repeats it.
 */
const FIXED = { seed: 1, factor: 1 };
const random = () => ({ seed: Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31)), factor: 20 });

/**
 * `npm run check:databases`: the accounts of the tests are spread over four databases, 16 slots each in turn. Without the files
 * that bind several databases themselves.
 */
const FOUR = {
  databases: { DB_1: 'spare-1', DB_2: 'spare-2', DB_3: 'spare-3' },
  assignment: Array.from({ length: 64 }, (_, n) => `${n * 16}-${n * 16 + 15}=${['DB', 'DB_1', 'DB_2', 'DB_3'][n % 4]}`),
  exclude: ['account-move', 'databases', 'health', 'shared-labels'].map((name) => `test/${name}.test.ts`),
};

export default defineConfig(
  async ({ mode }): Promise<ViteUserConfig> => ({
    root,
    test: {
      // The Worker writes one log line a request: shown only for a test that fails.
      silent: 'passed-only',
      // The tests in Node wait for other processes most of the time.
      maxWorkers: 2,
      projects: [
        {
          plugins: [
            cloudflareTest({
              wrangler: { configPath: `${root}/wrangler.toml` },
              miniflare: {
                bindings: {
                  JWT_SECRET: SECRET,
                  LINK_SECRET,
                  ...(mode === 'four' && { DATABASES: FOUR.assignment.join(' ') }),
                },
                // For migrations from any age; and databases that a test may bind as DB_1 and so on.
                d1Databases: {
                  OLD_DB: 'old',
                  EMPTY_DB: 'empty',
                  SPARE_1: 'spare-1',
                  SPARE_2: 'spare-2',
                  SPARE_3: 'spare-3',
                  ...(mode === 'four' && FOUR.databases),
                },
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
            exclude: mode === 'four' ? FOUR.exclude : [],
            restoreMocks: true,
            // For a machine that is busy with other things; nothing here waits for time to pass.
            testTimeout: mode === 'random' ? 600_000 : 30_000,
            // Each test has rows of its own, so the files may share an isolate, which saves its start for each.
            isolate: false,
            setupFiles: ['test/support/setup.ts'],
            provide: {
              migrations: await readD1Migrations(`${root}/drizzle`),
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
            include: ['test/node/*.test.ts', 'test/examples/*.test.ts'],
            testTimeout: 60_000,
            hookTimeout: 60_000,
          },
        },
      ],
    },
  }),
);
