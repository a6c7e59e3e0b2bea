/**
 * The document as strangers' tools take it: a linter finds nothing, and three generators make clients of it that
 * type-check. All that a tool writes to the terminal is compared, so no warning passes unseen. What it generates goes
 * into a temporary folder.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestHarness } from 'wrangler';

const clients = resolve('test/clients');
const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-clients-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId?: string }>>>>;
};

let operations: string[];
beforeAll(async () => {
  const server = createTestHarness({ workers: [{ configPath: 'wrangler.toml' }] });
  await server.listen();
  const served = await (await server.fetch('/openapi.json')).text();
  await server.close();
  writeFileSync(join(folder, 'openapi.json'), served);
  const { paths }: Document = JSON.parse(served);
  operations = Object.values(paths)
    .flatMap((path) => Object.values(path))
    .flatMap(({ operationId }) => operationId ?? []);
});

/** How a program of that folder ends, and the lines that it writes, without colors and with N for numbers and times. */
function run(bin: string, name: string, ...args: string[]) {
  const env = { PATH: process.env['PATH'] };
  const { status, stdout, stderr } = spawnSync(join(bin, name), args, {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  const lines = (text: string) =>
    stripVTControlCharacters(text)
      .replaceAll(folder, '.')
      .replaceAll(/\d+(\.\d+)*(ms|s)?/g, 'N')
      .split('\n')
      .filter((line) => line !== '');
  return { status, stdout: lines(stdout), stderr: lines(stderr) };
}

const runTool = (name: string, ...args: string[]) =>
  run(join(clients, 'node_modules/.bin'), name, ...args);
/** TypeScript as the project has it. */
const typeCheck = (...args: string[]) => run(resolve('node_modules/.bin'), 'tsc', ...args);

const silent = { status: 0, stdout: [], stderr: [] };

it('has nothing that spectral objects to', () => {
  const args = [
    'openapi.json',
    '--ruleset',
    join(clients, 'spectral.yaml'),
    '--fail-severity',
    'hint',
  ];

  expect(runTool('spectral', 'lint', ...args)).toEqual({
    ...silent,
    stdout: ["No results with a severity of 'hint' or higher found!"],
  });
});

const GENERATORS = [
  {
    tool: 'openapi-typescript',
    args: ['openapi.json', '-o', 'api.ts'],
    says: ['✨ openapi-typescript N', '🚀 openapi.json → api.ts [N]'],
    use: (names: string[]) => `import type { operations } from './api.ts';
      export type All = operations[${names.map((name) => `'${name}'`).join('|')}];`,
  },
  {
    tool: 'openapi-ts',
    args: ['-i', 'openapi.json', '-o', 'hey-api'],
    says: [
      '@hey-api/openapi-ts vN',
      '[Job N] ~ Generating...',
      '[Job N]   [N] openapi.json',
      '[Job N] ✓ ./hey-api · N files · N',
    ],
    use: (names: string[]) => `export { ${names} } from './hey-api/index.ts';`,
  },
  {
    tool: 'orval',
    args: ['--input', 'openapi.json', '--output', 'orval.ts', '--client', 'fetch'],
    says: [
      '🍻 orval vN - A swagger client generator for typescript',
      '🎉 Run evaluations - Your OpenAPI spec has been converted into ready to use orval!',
    ],
    use: (names: string[]) => `export { ${names} } from './orval.ts';`,
  },
];

const STRICT =
  '--ignoreConfig --strict --noEmit --allowImportingTsExtensions --target es2024 --module preserve --lib es2024,dom,dom.iterable';

it.each(GENERATORS)(
  'is all that $tool needs for a client: no warning, and every operation',
  ({ tool, args, says, use }) => {
    expect(runTool(tool, ...args)).toEqual({ ...silent, stdout: says });

    writeFileSync(join(folder, 'use.ts'), use(operations));
    expect(typeCheck(...STRICT.split(' '), '--types', '', 'use.ts')).toEqual(silent);
  },
);

it('gives the types with which the example of the README is checked', () => {
  runTool('openapi-typescript', 'openapi.json', '-o', 'api.ts');
  const config = {
    extends: join(clients, 'tsconfig.json'),
    compilerOptions: { rootDirs: [clients, folder], typeRoots: [resolve('node_modules/@types')] },
    include: [join(clients, '*.ts')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));

  expect(typeCheck('-p', folder)).toEqual(silent);
});
