/**
 * Tests other people's linters, generators and clients with the OpenAPI document. The tests compare
 * all output of a tool, so a new warning makes a test fail.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createTestHarness } from 'wrangler';

const clients = resolve('test/clients');
const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-clients-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllGlobals());

type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId?: string }>>>>;
};

let operations: string[];
let origin: string;
beforeAll(async () => {
  const server = createTestHarness({ workers: [{ configPath: 'wrangler.toml' }] });
  ({ origin } = (await server.listen()).url);
  const served = await (await server.fetch('/openapi.json')).text();
  await server.close();
  writeFileSync(join(folder, 'openapi.json'), served);
  const { paths }: Document = JSON.parse(served);
  operations = Object.values(paths)
    .flatMap((path) => Object.values(path))
    .flatMap(({ operationId }) => operationId ?? []);
});

/** Runs a program, and replaces the parts of its output that differ from run to run. */
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
const typeCheck = (...args: string[]) => run(resolve('node_modules/.bin'), 'tsc', ...args);

const silent = { status: 0, stdout: [], stderr: [] };

it('spectral finds no fault in the document', () => {
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

const writeSchemaImport = (file: string) =>
  `import type { EvaluationUpdate as Update, EvaluationLabelCreate as LabelCreate } from '${file}';
  import type { EvaluationLabelUpdate as LabelUpdate } from '${file}';
  import type { EvaluationLinkCreate as LinkCreate } from '${file}';`;

/** Both `tsc` and the Worker must refuse each body under `@ts-expect-error`. */
const BODIES = `
  const type: LabelCreate['value_type'] = 'ordinal';
  const id = '018f4d3a-0001-7000-8000-000000000001';
  export const updates: Update[] = [{ value: 9 }, { value: 9, id, field_path: null }];
  export const creates: LabelCreate[] = [
    { name: 'tone', value_type: 'binary' },
    { name: 'tone', value_type: type, categories: ['low', 'high'], min_value: null },
    { name: 'tone', value_type: 'continuous', min_value: 1, max_value: 10, archived: false },
  ];
  export const changes: LabelUpdate[] = [{ archived: true }, { description: null, id }];
  export const links: LinkCreate[] = [{ expires_in: 60, pointer: '/a', values: { yes: 1 } }];
  // @ts-expect-error: a value is a number.
  export const ofText: Update = { value: '9' };
  // @ts-expect-error: an evaluation always has an id.
  export const withoutId: Update = { value: 9, id: null };
  // @ts-expect-error: a label has a type.
  export const untyped: LabelCreate = { name: 'tone' };
  // @ts-expect-error: a new label cannot be archived.
  export const archived: LabelCreate = { name: 'tone', value_type: 'binary', archived: true };
  // @ts-expect-error: the server sets the time.
  export const dated: LabelCreate = { name: 'tone', value_type: 'binary', created_at: '2026' };
  // @ts-expect-error: archived is a boolean.
  export const unclear: LabelUpdate = { archived: 'yes' };
  // @ts-expect-error: the server chooses the id of a link.
  export const chosen: LinkCreate = { expires_in: 60, pointer: '/a', id };`;

const GENERATORS = [
  {
    tool: 'openapi-typescript',
    args: ['openapi.json', '-o', 'api.ts'],
    output: ['✨ openapi-typescript N', '🚀 openapi.json → api.ts [N]'],
    schemas: `import type { components } from './api.ts';
      type Update = components['schemas']['EvaluationUpdate'];
      type LabelCreate = components['schemas']['EvaluationLabelCreate'];
      type LabelUpdate = components['schemas']['EvaluationLabelUpdate'];
      type LinkCreate = components['schemas']['EvaluationLinkCreate'];`,
    use: (names: string[]) => `import type { operations } from './api.ts';
      export type All = operations[${names.map((name) => `'${name}'`).join('|')}];`,
  },
  {
    tool: 'openapi-ts',
    args: ['-i', 'openapi.json', '-o', 'hey-api'],
    output: [
      '@hey-api/openapi-ts vN',
      '[Job N] ~ Generating...',
      '[Job N]   [N] openapi.json',
      '[Job N] ✓ ./hey-api · N files · N',
    ],
    schemas: writeSchemaImport('./hey-api/index.ts'),
    use: (names: string[]) => `export { ${names} } from './hey-api/index.ts';`,
  },
  {
    tool: 'orval',
    args: ['--input', 'openapi.json', '--output', 'orval.ts', '--client', 'fetch'],
    output: [
      '🍻 orval vN - A swagger client generator for typescript',
      '🎉 Run evaluations - Your OpenAPI spec has been converted into ready to use orval!',
    ],
    schemas: writeSchemaImport('./orval.ts'),
    use: (names: string[]) => `export { ${names} } from './orval.ts';`,
  },
  {
    tool: 'swagger-typescript-api',
    args: ['generate', '-p', 'openapi.json', '-o', 'swagger', '-n', 'api.ts'],
    output: [
      'ℹ Code generator will use the default template for "api"',
      'ℹ Code generator will use the default template for "routetypes"',
      'ℹ try to get swagger by path "./openapi.json"',
      'ℹ start generating your typescript api',
      '✔ api file "api.ts" created in ./swagger',
    ],
    schemas: writeSchemaImport('./swagger/api.ts'),
    use: (names: string[]) => `import { Api } from './swagger/api.ts';
      const { v1, openapiJson, health } = new Api();
      export const { ${names} } = { ...v1, ...openapiJson, ...health };`,
  },
];

const STRICT =
  '--ignoreConfig --strict --noEmit --allowImportingTsExtensions --target es2024 --module preserve --lib es2024,dom,dom.iterable';

it.each(GENERATORS)(
  '$tool makes a client with every operation and prints no warning',
  ({ tool, args, output, use }) => {
    expect(runTool(tool, ...args)).toEqual({ ...silent, stdout: output });

    writeFileSync(join(folder, 'use.ts'), use(operations));
    expect(typeCheck(...STRICT.split(' '), '--types', '', 'use.ts')).toEqual(silent);
  },
);

it.each(GENERATORS)(
  '$tool makes types that accept and refuse the same bodies as the Worker',
  ({ tool, args, schemas }) => {
    expect(runTool(tool, ...args).status).toBe(0);

    writeFileSync(join(folder, 'bodies.ts'), `${schemas}${BODIES}`);
    expect(typeCheck(...STRICT.split(' '), '--types', '', 'bodies.ts')).toEqual(silent);
  },
);

const LABEL = '018f4d3a-0001-7000-8000-000000000001';
const generate = (wanted: string) => {
  const { args = [] } = GENERATORS.find(({ tool }) => tool === wanted) ?? {};
  expect(runTool(wanted, ...args).status).toBe(0);
};

it.each([
  {
    tool: 'openapi-ts',
    call: `import { getEvaluationLabel } from './hey-api/index.ts';
      await getEvaluationLabel({ path: { id: '${LABEL}' } });`,
  },
  {
    tool: 'orval',
    call: `import { getEvaluationLabel } from './orval.ts';
      await getEvaluationLabel('${LABEL}');`,
  },
  {
    tool: 'swagger-typescript-api',
    call: `import { Api } from './swagger/api.ts';
      await new Api().v1.getEvaluationLabel('${LABEL}');`,
  },
])('$tool makes a client that calls the Worker and no other host', async ({ tool, call }) => {
  generate(tool);
  const file = join(folder, `call-${tool}.ts`);
  writeFileSync(file, call);
  const fetched: string[] = [];
  vi.stubGlobal('fetch', async (input: string | URL | Request) => {
    fetched.push(input instanceof Request ? input.url : String(input));
    return Response.json({});
  });

  await import(file);

  // A browser resolves the relative URLs of orval's client against the page's origin.
  expect(fetched.map((url) => new URL(url, origin).href)).toEqual([
    `${origin}/v1/evaluation-label/${LABEL}`,
  ]);
});

type PostmanItem = {
  readonly item?: readonly PostmanItem[];
  readonly request?: { readonly url: { readonly host: string[]; readonly path: string[] } };
};
type Collection = PostmanItem & {
  readonly variable: readonly { readonly key: string; readonly value: string }[];
};

it('openapi2postmanv2 makes a Postman collection whose requests all go to the Worker', () => {
  const { status } = runTool('openapi2postmanv2', '-s', 'openapi.json', '-o', 'postman.json');
  const collection: Collection = JSON.parse(readFileSync(join(folder, 'postman.json'), 'utf8'));
  const [baseUrl] = collection.variable;
  const listUrls = ({ item = [], request }: PostmanItem): string[] => [
    ...(request ? [[...request.url.host, ...request.url.path].join('/')] : []),
    ...item.flatMap(listUrls),
  ];
  const urls = listUrls(collection).map((url) => url.replace('{{baseUrl}}', baseUrl?.value ?? ''));

  expect(status).toBe(0);
  expect(baseUrl?.key).toBe('baseUrl');
  expect(urls).toHaveLength(operations.length);
  expect(urls.filter((url) => new URL(url, origin).origin !== origin)).toEqual([]);
  expect(urls).toContain(`${origin}/v1/evaluation-labels`);
});

it('the typed version of the README example type-checks with the generated types', () => {
  runTool('openapi-typescript', 'openapi.json', '-o', 'api.ts');
  const config = {
    extends: join(clients, 'tsconfig.json'),
    compilerOptions: { rootDirs: [clients, folder], typeRoots: [resolve('node_modules/@types')] },
    include: [join(clients, '*.ts')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));

  expect(typeCheck('-p', folder)).toEqual(silent);
});
