/** Tests that each file of src imports only the modules that `RULES` allows (src/README.md). */
import { globSync, readFileSync } from 'node:fs';
import { matchesGlob, posix } from 'node:path';
import { expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

const BASE = 'settings principal failure limits clock pointer';
const AUTH = `auth db ${BASE}`;
const RESOURCE = `db fields ${BASE}`;
const ROUTES = `http auth hono ${RESOURCE}`;

/**
 * Each row has a pattern of file names in src, and the modules that these files may import. For
 * each file, only the first matching row applies.
 */
const RULES: readonly (readonly [files: string, mayImport: string])[] = [
  ['index.ts', 'app db cloudflare:workers'],
  ['app.ts', `reference service openapi.generated.json link evaluation label http ${AUTH}`],
  ['reference/*.ts', 'http'],
  ['service.ts', `cloudflare:workers http db ${BASE}`],
  ['{service.,}openapi.ts', `openapi @valibot/to-json-schema valibot fields ${BASE}`],
  ['fields.ts', `valibot ${BASE}`],
  ['{settings,principal,failure,limits,clock,pointer}.ts', BASE],
  ['db/*.ts', `cloudflare:workers drizzle-orm db ${BASE}`],
  ['auth/verifier.ts', `jose ${AUTH}`],
  ['auth/*.ts', `cloudflare:workers ${AUTH}`],
  ['http/*.ts', `http hono ${AUTH}`],
  ['label/*.query.ts', `drizzle-orm label ${RESOURCE}`],
  ['label/routes.ts', `label ${ROUTES}`],
  ['label/openapi.ts', `openapi label ${RESOURCE}`],
  ['label/*.ts', `valibot label ${RESOURCE}`],
  ['evaluation/*.query.ts', `drizzle-orm evaluation label ${RESOURCE}`],
  ['evaluation/routes.ts', `evaluation label ${ROUTES}`],
  ['evaluation/openapi.ts', `openapi evaluation label ${RESOURCE}`],
  ['evaluation/*.ts', `valibot evaluation label ${RESOURCE}`],
  ['link/*.query.ts', `drizzle-orm link evaluation label ${RESOURCE}`],
  ['link/{routes,public-routes,page}.ts', `link evaluation label ${ROUTES}`],
  ['link/key.ts', `jose valibot evaluation auth ${BASE}`],
  ['link/path.ts', `json-p3 ${BASE}`],
  ['link/openapi.ts', `openapi link evaluation label ${RESOURCE}`],
  ['link/*.ts', `valibot link evaluation label ${RESOURCE}`],
];

/** Lists the modules that a file imports or re-exports. A computed module name becomes `?`. */
function listImports(text: string): string[] {
  const found: string[] = [];
  JSON.stringify(parseAst(text, { lang: 'ts' }), (key, node) => {
    if (key === 'source' && node !== null) found.push(node.value ?? '?');
    return node;
  });
  return found;
}

/** Returns the name of an imported module as in `RULES`, such as `http` for `../http/body.ts`. */
function readName(imported: string, file: string): string {
  if (!imported.startsWith('.')) return /^(?:@[^/]+\/)?[^/]+/.exec(imported)?.[0] ?? imported;
  return posix.join(posix.dirname(file), imported).replace(/(\.ts|\/.*)$/, '');
}

function listForbiddenImports(file: string, text: string): string[] {
  const [, mayImport = ''] = RULES.find(([files]) => matchesGlob(file, files)) ?? [];
  return listImports(text).filter((name) => !mayImport.split(' ').includes(readName(name, file)));
}

const FILES = globSync('**/*.ts', { cwd: 'src', exclude: ['cli/**', '*.d.ts'] });

it.each(FILES)('src/%s imports only what the import rule allows', (file) => {
  expect(listForbiddenImports(file, readFileSync(`src/${file}`, 'utf8'))).toEqual([]);
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
  expect(listForbiddenImports(file, text)).toEqual([imported]);
});
