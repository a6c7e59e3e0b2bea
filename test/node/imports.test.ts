/** The import rule of src/README.md. A file may import what its row allows and nothing else. */
import { globSync, readFileSync } from 'node:fs';
import { matchesGlob, posix } from 'node:path';
import { expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

const BASE = [
  'settings',
  'variables',
  'principal',
  'failure',
  'limits',
  'clock',
  'pointer',
  'uuid',
];
const AUTH = ['auth', 'db', ...BASE];
const RESOURCE = ['db', 'fields', ...BASE];
const HTTP = ['http', 'auth', 'hono', ...RESOURCE];

/** The first row that matches a file counts. A name is a folder of src, a file directly in src, or a package. */
const RULES: readonly (readonly [files: string, mayImport: readonly string[]])[] = [
  ['index.ts', ['app', 'cloudflare:workers']],
  ['app.ts', ['link', 'evaluation', 'label', 'http', 'auth', 'db', 'service', 'openapi', ...BASE]],
  ['service.ts', ['http', 'db', 'cloudflare:workers', ...BASE]],
  [
    'openapi.ts',
    ['openapi.json', 'label/openapi.json', 'evaluation/openapi.json', 'link/openapi.json'],
  ],
  ['fields.ts', ['valibot', ...BASE]],
  [`{${BASE}}.ts`, BASE],
  ['db/*.ts', ['drizzle-orm', ...RESOURCE.filter((name) => name !== 'fields')]],
  ['auth/verifier.ts', ['jose', ...AUTH]],
  ['auth/*.ts', ['cloudflare:workers', ...AUTH]],
  ['http/*.ts', ['http', 'hono', ...AUTH]],
  ['label/*.query.ts', ['drizzle-orm', 'label', ...RESOURCE]],
  ['label/routes.ts', ['label', ...HTTP]],
  ['label/*.ts', ['label', 'valibot', ...RESOURCE]],
  ['evaluation/*.query.ts', ['drizzle-orm', 'evaluation', 'label', ...RESOURCE]],
  ['evaluation/routes.ts', ['evaluation', 'label', ...HTTP]],
  ['evaluation/*.ts', ['evaluation', 'label', 'valibot', ...RESOURCE]],
  ['link/*.query.ts', ['drizzle-orm', 'link', 'evaluation', 'label', ...RESOURCE]],
  ['link/{routes,public-routes,page}.ts', ['link', 'evaluation', 'label', ...HTTP]],
  ['link/key.ts', ['jose', 'link', ...BASE]],
  ['link/*.ts', ['link', 'evaluation', 'label', 'valibot', ...RESOURCE]],
];

/** Every import and re-export of a text: of types too, without `from`, or by a call. A computed one counts as `?`. */
function importsIn(text: string): string[] {
  const found: string[] = [];
  // Only nodes that import have a source, in whatever place of the tree they are.
  JSON.stringify(parseAst(text, { lang: 'ts' }), (key, node) => {
    if (key === 'source' && node !== null)
      found.push(typeof node.value === 'string' ? node.value : '?');
    return node;
  });
  return found;
}

/** The name by which a row allows an import: `../http/body.ts` is `http`, `hono/html` is `hono`. */
function nameOf(imported: string, file: string): string {
  if (!imported.startsWith('.')) return /^@[^/]+\/[^/]+|^[^/]+/.exec(imported)?.[0] ?? imported;
  const path = posix.join(posix.dirname(file), imported);
  return path.includes('/') && path.endsWith('.ts')
    ? (path.split('/')[0] ?? '')
    : path.replace(/\.ts$/, '');
}

function refusedIn(file: string, text: string): string[] {
  const [, mayImport = []] = RULES.find(([files]) => matchesGlob(file, files)) ?? [];
  return importsIn(text).filter((imported) => !mayImport.includes(nameOf(imported, file)));
}

const FILES = globSync('**/*.ts', { cwd: 'src' }).filter((file) => !/^cli\/|\.d\.ts$/.test(file));

it.each(FILES)('src/%s imports only what the import rule allows', (file) => {
  expect(refusedIn(file, readFileSync(`src/${file}`, 'utf8'))).toEqual([]);
});

it.each([
  ['auth/x.ts', `import type { A } from '../http/body.ts'`, '../http/body.ts'],
  ['evaluation/update.ts', `import '../http/response.ts'`, '../http/response.ts'],
  ['label/x.ts', `await import('../link/key.ts')`, '../link/key.ts'],
  ['label/x.ts', `type Key = import('../link/key.ts').Key`, '../link/key.ts'],
  ['label/x.ts', 'await import(name)', '?'],
  ['app.ts', `export { run } from "./cli/start.ts"`, './cli/start.ts'],
  ['new/x.ts', `import { failure } from '../failure.ts'`, '../failure.ts'],
  ['http/x.ts', `import 'node:fs'`, 'node:fs'],
])('the import rule refuses in src/%s: %s', (file, text, imported) => {
  expect(refusedIn(file, text)).toEqual([imported]);
});
