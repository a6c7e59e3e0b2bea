/** The bundle as it would be uploaded. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';

const BUNDLE_MAX_KIB = 40;

const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

let bundle: Buffer;
beforeAll(() => {
  const env = { ...process.env, CI: 'true', WRANGLER_SEND_METRICS: 'false' };
  execFileSync('wrangler', ['deploy', '--dry-run', '--outdir', folder], { env, stdio: 'ignore' });
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
