/** The import rule of src/README.md: lint denies every import that is not allowed, also in a folder that is new. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const FORBIDDEN: readonly (readonly [file: string, imported: string])[] = [
  ['src/auth/x.ts', '../http/body.ts'],
  ['src/auth/x.ts', 'jose'],
  ['src/auth/x.ts', 'drizzle-orm'],
  ['src/cli/x.ts', 'a-package-that-is-not-declared'],
  ['src/db/x.ts', '../auth/claims.ts'],
  ['src/db/x.ts', '../cli/offline.ts'],
  ['src/db/x.ts', 'hono'],
  ['src/db/x.ts', 'cloudflare:workers'],
  ['src/http/x.ts', '../label/label.ts'],
  ['src/http/x.ts', 'drizzle-orm/sqlite-core'],
  ['src/http/x.ts', 'jose'],
  ['src/http/x.ts', '../cli/offline.ts'],
  ['src/label/x.ts', '../evaluation/update.ts'],
  ['src/label/x.ts', '../http/response.ts'],
  ['src/label/x.query.ts', 'hono'],
  ['src/evaluation/x.ts', '../link/pointer.ts'],
  ['src/evaluation/x.ts', '../http/response.ts'],
  ['src/evaluation/x.ts', 'drizzle-orm'],
  ['src/evaluation/x.ts', 'hono'],
  ['src/evaluation/routes.ts', '../db/../app.ts'],
  ['src/evaluation/routes.ts', 'drizzle-orm'],
  ['src/link/x.ts', 'jose'],
  ['src/link/x.ts', 'hono/html'],
  ['src/new/x.ts', '../evaluation/update.ts'],
  ['src/new/x.ts', '../failure.ts'],
  ['src/new/x.ts', 'hono'],
  ['src/new/x.ts', 'valibot'],
  ['src/new/deep/x.ts', '../x.ts'],
  ['src/app.ts', './cli/start.ts'],
  ['src/app.ts', 'jose'],
  ['src/app.ts', 'hono'],
  ['src/index.ts', './settings.ts'],
  ['src/service.ts', './evaluation/update.ts'],
  ['src/uuid.ts', './app.ts'],
  ['src/fields.ts', 'hono'],
  ['src/openapi.ts', './evaluation/routes.ts'],
  ['src/fields.ts', './clock.ts'],
  ['src/http/x.ts', '../fields.ts'],
  ['src/pointer.ts', './service.ts'],
  ['src/new.ts', 'hono'],
  ['src/auth/x.ts', 'node:fs'],
];

const ALLOWED: readonly (readonly [file: string, imported: string])[] = [
  ['src/auth/verifier.ts', 'jose'],
  ['src/auth/x.ts', '../failure.ts'],
  ['src/auth/x.ts', '../pointer.ts'],
  ['src/evaluation/x.ts', '../pointer.ts'],
  ['src/settings.ts', './pointer.ts'],
  ['src/auth/x.ts', 'cloudflare:workers'],
  ['src/cli/x.ts', 'node:fs'],
  ['src/cli/x.ts', '../auth/verifier.ts'],
  ['src/db/x.ts', 'drizzle-orm'],
  ['src/http/x.ts', '../auth/claims.ts'],
  ['src/http/x.ts', 'hono'],
  ['src/fields.ts', 'valibot'],
  ['src/openapi.ts', './evaluation/openapi.json'],
  ['src/label/routes.ts', '../http/body.ts'],
  ['src/label/x.ts', '../fields.ts'],
  ['src/evaluation/x.ts', '../label/label.ts'],
  ['src/evaluation/x.query.ts', 'drizzle-orm'],
  ['src/evaluation/routes.ts', 'hono'],
  ['src/link/key.ts', 'jose'],
  ['src/link/page.ts', 'hono/html'],
  ['src/link/routes.ts', '../evaluation/update.ts'],
  ['src/new/x.ts', './y.ts'],
  ['src/app.ts', './link/routes.ts'],
];

/** An import by its place: the file, and its line in it. */
const importsOf = Map.groupBy([...FORBIDDEN, ...ALLOWED], ([file]) => file);
const placeOf = ([file, imported]: readonly [string, string]) => {
  const line = importsOf.get(file)?.findIndex(([, other]) => other === imported) ?? -1;
  return `${file}:${line + 1}`;
};

const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const RULES = /^lint\/(style\/noRestrictedImports|correctness\/(noNodejsModules|noUndeclaredDependencies))$/;

type Diagnostic = {
  readonly category: string;
  readonly location: { readonly path: string; readonly start: { readonly line: number } };
};

let refused: Set<string>;
beforeAll(() => {
  for (const file of ['.biome.json', 'package.json']) cpSync(file, join(folder, file));
  for (const [file, imports] of importsOf) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    const lines = imports.map(([, imported], index) => `import { x as x${index} } from '${imported}';\n`);
    writeFileSync(join(folder, file), `${lines.join('')}console.log(${imports.map((_, index) => `x${index}`)});\n`);
  }
  const args = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'];
  const { stdout } = spawnSync('biome', args, { cwd: folder, encoding: 'utf8' });
  const diagnostics: Diagnostic[] = JSON.parse(stdout).diagnostics;
  refused = new Set(
    diagnostics
      .filter(({ category }) => RULES.test(category))
      .map(({ location: { path, start } }) => `${path}:${start.line}`),
  );
});

it.each(FORBIDDEN)('refuses that %s imports %s', (...forbidden) => {
  expect(refused).toContain(placeOf(forbidden));
});

it.each(ALLOWED)('allows that %s imports %s', (...allowed) => {
  expect(refused).not.toContain(placeOf(allowed));
});

it('is asked of each folder of src, and of one that does not exist', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const asked = new Set(FORBIDDEN.map(([file]) => file.split('/')[1]));

  expect(folders.map(({ name }) => name).filter((name) => !asked.has(name))).toEqual([]);
  expect(folders.map(({ name }) => name)).not.toContain('new');
});
