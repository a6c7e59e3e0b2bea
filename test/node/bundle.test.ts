/**
 * Tests the bundle, the assets and the bindings that a deployment uploads. The bundle must be
 * small, without code that only the build needs.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OFFLINE } from '../../src/cli/offline.ts';

const BUNDLE_MAX_KIB = 83;

const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Bundles the Worker as `npm run deploy` does, but uploads nothing. */
async function bundleWorker(...environment: readonly string[]): Promise<string> {
  const output = join(folder, ...environment);
  const args = ['deploy', '--dry-run', ...environment, '--outdir', output];
  const { stdout, stderr } = await promisify(execFile)('wrangler', args, { env: OFFLINE });
  expect(stdout + stderr).not.toContain('WARNING');
  return stdout;
}

let bundle: Buffer;
let production: string;
let staging: string;
beforeAll(async () => {
  [production, staging] = await Promise.all([bundleWorker(), bundleWorker('--env=staging')]);
  bundle = readFileSync(join(folder, 'index.js'));
});

it(`the bundle is at most ${BUNDLE_MAX_KIB} KiB gzip`, () => {
  expect(gzipSync(bundle).byteLength / 1024).toBeLessThanOrEqual(BUNDLE_MAX_KIB);
});

it('the bundle contains no code of drizzle, which only the build needs, and no module of Node', () => {
  // drizzle marks each of its classes with this text.
  expect(bundle.includes('drizzle:entityKind')).toBe(false);
  expect(bundle.includes('node:')).toBe(false);
});

it('the bundle contains the OpenAPI document once, and no code that generates it', () => {
  expect(bundle.toString().split('The scores of AI runs.')).toHaveLength(2);
  expect(bundle.includes('json-schema.org')).toBe(false);
});

it('production and staging upload the two scripts of the API reference, and the file with their headers', () => {
  for (const output of [production, staging])
    expect(output).toContain('Read 3 files from the assets directory');
});

it('production and staging get the same bindings, each with a database of its own', () => {
  const listBindings = (output: string) =>
    [...output.matchAll(/^env\.(\w+)(?: \((.+?)\))?/gm)].map(([, ...parts]) => parts.join(' '));

  expect(listBindings(production)).toEqual([
    'ACCOUNT_OBJECT AccountObject',
    'DB run-evaluation',
    'RATE_LIMITER 2000 requests/10s',
    'CF_VERSION_METADATA ',
  ]);
  expect(listBindings(staging)).toEqual([
    'ACCOUNT_OBJECT AccountObject',
    'DB run-evaluation-staging',
    'RATE_LIMITER 2000 requests/10s',
    'CF_VERSION_METADATA ',
  ]);
});
