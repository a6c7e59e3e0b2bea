/** The bundle as it would be uploaded, and what would be asked for with it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OFFLINE } from '../../src/cli/offline.ts';

const BUNDLE_MAX_KIB = 54;

const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** As `npm run deploy` and `npm run deploy:staging`, up to the upload. */
const deploy = (environment: string) =>
  execFileSync('wrangler', ['deploy', '--dry-run', `--env=${environment}`, '--outdir', folder], {
    env: OFFLINE,
    encoding: 'utf8',
  });

let bundle: Buffer;
let production: string;
beforeAll(() => {
  production = deploy('');
  bundle = readFileSync(join(folder, 'index.js'));
});

it(`is at most ${BUNDLE_MAX_KIB} KiB gzip`, () => {
  expect(gzipSync(bundle).byteLength / 1024).toBeLessThanOrEqual(BUNDLE_MAX_KIB);
});

it('has no drizzle in it, which writes the SQL beforehand, and nothing of Node', () => {
  // What drizzle marks each of its classes with.
  expect(bundle.includes('drizzle:entityKind')).toBe(false);
  expect(bundle.includes('node:')).toBe(false);
});

it('has the OpenAPI document once, and nothing of what writes it', () => {
  expect(bundle.toString().split('The scores of AI runs.')).toHaveLength(2);
  expect(bundle.includes('json-schema.org')).toBe(false);
});

it('goes with the same bindings to production and to staging, each with a database of its own', () => {
  const bindingsOf = (output: string) =>
    [...output.matchAll(/^env\.(\w+)(?: \((.+?)\))?/gm)].map(([, ...of]) => of.join(' '));

  expect(bindingsOf(production)).toEqual([
    'DB run-evaluation',
    'RATE_LIMITER 2000 requests/10s',
    'CF_VERSION_METADATA ',
  ]);
  expect(bindingsOf(deploy('staging'))).toEqual([
    'DB run-evaluation-staging',
    'RATE_LIMITER 2000 requests/10s',
    'CF_VERSION_METADATA ',
  ]);
});
