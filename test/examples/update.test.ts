/**
 * Runs each example unchanged against the built Worker, through a proxy that loses and refuses
 * requests.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseYaml } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cutResponse,
  dropEtag,
  loseRequest,
  loseResponse,
  pass,
  refuse,
  startProxy,
  storeAndRefuse,
} from './faults.ts';
import { startWorker } from './worker.ts';

const EXAMPLES = [
  { language: 'TypeScript', file: 'update.ts', program: process.execPath },
  { language: 'Python', file: 'update.py', program: 'python3' },
  { language: 'shell', file: 'update.sh', program: 'sh' },
] as const;
type Example = (typeof EXAMPLES)[number];

const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-examples-'));
const { PATH = '', HOME = '' } = process.env;

let worker: Awaited<ReturnType<typeof startWorker>>;
let token: string;
let annasToken: string;
const listening: { readonly close: () => unknown }[] = [];
beforeAll(async () => {
  worker = await startWorker();
  [token, annasToken] = await Promise.all([
    worker.mintTokenFor('job'),
    worker.mintTokenFor('anna'),
  ]);
});
afterAll(async () => {
  for (const server of listening) server.close();
  await worker.close();
  rmSync(folder, { recursive: true });
});

async function call(method: string, path: string, body?: object, by = token) {
  const response = await fetch(new URL(path, worker.url), {
    method,
    headers: { authorization: `Bearer ${by}`, 'content-type': 'application/json' },
    body: body ? JSON.stringify(body) : null,
  });
  return JSON.parse(await response.text());
}

async function storeOne(value: number, max_value = 10): Promise<string> {
  const rule = { name: 'tone', value_type: 'continuous', min_value: 1, max_value };
  const { id } = await call('POST', '/v1/evaluation-labels', rule);
  const run = crypto.randomUUID();
  const first = { evaluation_label_id: id, value };
  const made = await call('POST', `/v1/run/${run}/evaluations`, first);
  return `/v1/run/${run}/evaluation/${made.id}`;
}

const correct = (path: string, value: number) => call('PUT', path, { value }, annasToken);

/** Reads all values of the evaluation, oldest first, in the form `5 by job`. */
async function readStoredValues(path: string): Promise<string[]> {
  const history = await call('GET', `${path}/history`);
  const now = await call('GET', path);
  const values: { value: number; updated_by: string | null }[] = [...history.reverse(), now];
  return values.map(({ value, updated_by }) => `${value} by ${updated_by ?? 'job'}`);
}

async function startProxyWith(...faults: Parameters<typeof startProxy>[1]) {
  const proxy = await startProxy(worker.url, faults);
  listening.push(proxy);
  return proxy;
}

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

const execute = (program: string, args: readonly string[], env: NodeJS.ProcessEnv) =>
  new Promise<Ended>((settle) => {
    execFile(program, args, { env: { PATH, HOME, ...env } }, (error, stdout, stderr) =>
      settle({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });

const run = ({ program, file }: Example, url: string, TOKEN = token) =>
  execute(program, [resolve('test/examples', file), url], { TOKEN });

describe.concurrent.each(EXAMPLES)('the example in $language', (example) => {
  const the = `the ${example.language} example`;

  it.each([
    ['a request that was lost', loseRequest()],
    ['a response that was lost after the commit', loseResponse()],
    ['a response that broke off', cutResponse],
    ['a 503 after the commit', storeAndRefuse],
  ])(
    `${the} repeats an update with the same key after %s, and the value is stored once`,
    async (_, fault) => {
      const path = await storeOne(5);
      const { origin, seen } = await startProxyWith(pass, fault);

      const ended = await run(example, origin + path);

      expect(ended).toMatchObject({ code: 0, stdout: '6\n' });
      expect(await readStoredValues(path)).toEqual(['5 by job', '6 by job']);
      expect(seen.map(({ method }) => method)).toEqual(['GET', 'PUT', 'PUT']);
      const [, first, second] = seen.map(({ headers }) => headers);
      expect(first?.['idempotency-key']).toMatch(/^[\da-f-]{32,36}$/);
      expect(second).toEqual(first);
    },
  );

  it(`${the} repeats a read that broke off`, async () => {
    const path = await storeOne(5);
    const { origin, seen } = await startProxyWith(cutResponse);

    expect(await run(example, origin + path)).toMatchObject({ code: 0, stdout: '6\n' });
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'PUT']);
  });

  it(`${the} does not undo a correction that another caller made before the retry`, async () => {
    const path = await storeOne(5);
    const { origin } = await startProxyWith(
      pass,
      loseResponse(() => correct(path, 9)),
    );

    const ended = await run(example, origin + path);

    expect(ended).toMatchObject({ code: 0, stdout: '6\n' });
    expect(await readStoredValues(path)).toEqual(['5 by job', '6 by job', '9 by anna']);
  });

  it(`${the} reads and decides again after a 412, with the new tag, a new key and the bookmark`, async () => {
    const path = await storeOne(5);
    const { origin, seen } = await startProxyWith(
      pass,
      loseRequest(() => correct(path, 2)),
    );

    const ended = await run(example, origin + path);

    expect(ended).toMatchObject({ code: 0, stdout: '3\n' });
    expect(await readStoredValues(path)).toEqual(['5 by job', '2 by anna', '3 by job']);
    const statuses = seen.map(({ method, reply }) => `${method} ${reply?.status}`);
    expect(statuses).toEqual(['GET 200', 'PUT undefined', 'PUT 412', 'GET 200', 'PUT 200']);
    const [found, lost, refused, again, stored] = seen;
    expect(lost?.headers['if-match']).toBe(found?.reply?.headers['etag']);
    expect(refused?.headers).toEqual(lost?.headers);
    expect(refused?.reply?.headers['x-d1-bookmark']).toMatch(/./);
    expect(again?.headers['x-d1-bookmark']).toBe(refused?.reply?.headers['x-d1-bookmark']);
    expect(stored?.headers['if-match']).toBe(again?.reply?.headers['etag']);
    expect(stored?.headers['idempotency-key']).not.toBe(lost?.headers['idempotency-key']);
  });

  it(`${the} waits as long as Retry-After asks after a 429 and a 503`, async () => {
    const path = await storeOne(5);
    const { origin, seen } = await startProxyWith(refuse(429, 2), pass, refuse(503, 2));

    const ended = await run(example, origin + path);

    expect(ended).toMatchObject({ code: 0, stdout: '6\n' });
    expect(await readStoredValues(path)).toEqual(['5 by job', '6 by job']);
    const [limited = 0, read = 0, unavailable = 0, stored = 0] = seen.map(({ at }) => at);
    expect(read - limited).toBeGreaterThanOrEqual(1990);
    expect(stored - unavailable).toBeGreaterThanOrEqual(1990);
  });

  it(`${the} gives up if Retry-After asks for a longer wait than the example allows`, async () => {
    const path = await storeOne(5);
    const { origin, seen } = await startProxyWith(pass, refuse(503, 3600));

    const { code, stdout, stderr } = await run(example, origin + path);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('503 {"error":"Served 503."}');
    expect(seen).toHaveLength(2);
    expect(await readStoredValues(path)).toEqual(['5 by job']);
  });

  it.each([404, 413])(
    `${the} never repeats a request that got %s, even with Retry-After`,
    async (status) => {
      const path = await storeOne(5);
      const { origin, seen } = await startProxyWith(pass, refuse(status, 1));

      const { code, stdout, stderr } = await run(example, origin + path);

      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`${status} {"error":"Served ${status}."}`);
      expect(seen).toHaveLength(2);
    },
  );

  it(`${the} prints the Worker's sentence about a value that the label does not allow, and about an invalid token`, async () => {
    const path = await storeOne(5, 5);
    const { origin, seen } = await startProxyWith();

    const illegal = await run(example, origin + path);
    const stranger = await run(example, origin + path, 'x');

    expect([illegal.code, stranger.code]).toEqual([1, 1]);
    expect(illegal.stderr).toContain('422 {"error":"value must be between 1 and 5."}');
    expect(stranger.stderr).toContain('401 {"error":');
    const statuses = seen.map(({ method, reply }) => `${method} ${reply?.status}`);
    expect(statuses).toEqual(['GET 200', 'PUT 422', 'GET 401']);
    expect(await readStoredValues(path)).toEqual(['5 by job']);
  });

  it(`${the} sends no update if the response had no ETag, or if the value would stay the same`, async () => {
    const [path, highest] = [await storeOne(5), await storeOne(10)];
    const { origin, seen } = await startProxyWith(dropEtag);

    const unguarded = await run(example, origin + path);
    const unchanged = await run(example, origin + highest);

    expect(unguarded).toMatchObject({ stdout: '', stderr: expect.stringMatching(/etag/i) });
    expect(unguarded.code).not.toBe(0);
    expect(unchanged).toMatchObject({ code: 0, stdout: '10\n' });
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  it(`${the} has fewer than 60 lines, and imports no package except requests`, () => {
    const text = readFileSync(`test/examples/${example.file}`, 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThan(60);
    expect(text.match(/^import \w+$/gm)?.at(-1) ?? 'import requests').toBe('import requests');
    expect(text).not.toMatch(/\bfrom '|\brequire\(/);
  });
});

it('six examples that change one evaluation at the same time each add one point', async () => {
  const path = await storeOne(1);
  const { origin } = await startProxyWith();
  const callers = [...EXAMPLES, ...EXAMPLES];

  const ended = await Promise.all(callers.map((example) => run(example, origin + path)));

  const values = callers.map((_, index) => index + 2);
  expect(ended.map(({ stdout }) => Number(stdout)).sort((a, b) => a - b)).toEqual(values);
  expect(await readStoredValues(path)).toEqual([1, ...values].map((value) => `${value} by job`));
});

type Workflow = {
  readonly permissions: { readonly [scope: string]: string };
  readonly jobs: { readonly evaluate: { readonly steps: readonly Step[] } };
};
type Step = {
  readonly run: string;
  readonly shell?: string;
  readonly env?: { readonly [name: string]: string };
};
const WORKFLOW = readFileSync('test/examples/github-actions.yml', 'utf8');

/**
 * Runs the steps of the workflow as GitHub does. A local server first answers 503, and then issues
 * the token.
 */
async function runWorkflow(path: string, API: string, attempt = 1) {
  const [, , , run_id = '', , evaluation_id = ''] = path.split('/');
  const outputs = join(folder, crypto.randomUUID());
  writeFileSync(outputs, '');
  const expressions: { readonly [expression: string]: () => string | undefined } = {
    'inputs.run_id': () => run_id,
    'inputs.evaluation_id': () => evaluation_id,
    'steps.score.outputs.value': () => /^value=(.*)$/m.exec(readFileSync(outputs, 'utf8'))?.[1],
  };
  const tokenRequests: string[] = [];
  const issuer = createServer(({ url = '', headers }, response) => {
    tokenRequests.push(`${headers.authorization} ${url}`);
    if (tokenRequests.length === 1) response.writeHead(503, { 'retry-after': '1' }).end();
    else response.end(JSON.stringify({ value: token }));
  }).listen(0, '127.0.0.1');
  listening.push(issuer);
  await once(issuer, 'listening');
  const address = issuer.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const github = {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_OUTPUT: outputs,
    GITHUB_RUN_ID: '1658821493',
    GITHUB_RUN_ATTEMPT: String(attempt),
    RUNNER_TEMP: mkdtempSync(join(folder, 'runner-')),
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job',
  };
  const { jobs } = parseYaml(WORKFLOW) as Workflow;
  const ends: Ended[] = [];
  for (const { run: text, shell, env = {} } of jobs.evaluate.steps) {
    const script = join(folder, `${crypto.randomUUID()}.sh`);
    writeFileSync(script, text);
    const entries = Object.entries(env).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, name: string) => expressions[name]?.() ?? '?'),
    ]);
    const flags = shell === 'bash' ? ['--noprofile', '--norc', '-eo', 'pipefail'] : ['-e'];
    const all = { ...github, ...Object.fromEntries(entries), API };
    ends.push(await execute('bash', [...flags, script], all));
  }
  return { tokenRequests, ended: ends.at(-1) };
}

describe.concurrent('the GitHub Actions example', () => {
  it('the GitHub Actions example stores the score once after a lost response and a 503, and masks its token', async () => {
    const path = await storeOne(5);
    const { origin, seen } = await startProxyWith(
      loseResponse(() => correct(path, 2)),
      refuse(503, 2),
    );

    const { tokenRequests, ended } = await runWorkflow(path, origin);

    expect(ended).toMatchObject({ code: 0, stdout: `::add-mask::${token}\n` });
    expect(await readStoredValues(path)).toEqual(['5 by job', '8.5 by job', '2 by anna']);
    expect(seen.map(({ method, reply }) => `${method} ${reply?.status}`)).toEqual([
      'PUT undefined',
      'PUT 503',
      'PUT 200',
    ]);
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key']))).toEqual(
      new Set(['1658821493-1']),
    );
    const request = 'Bearer of-the-job /token?api-version=2.0&audience=https://evaluations.example';
    expect(tokenRequests).toEqual([request, request]);
  });

  it('the GitHub Actions example stores the score again only in another attempt of the workflow', async () => {
    const path = await storeOne(5);
    const { origin } = await startProxyWith();

    await runWorkflow(path, origin);
    await correct(path, 2);
    await runWorkflow(path, origin);
    expect(await readStoredValues(path)).toEqual(['5 by job', '8.5 by job', '2 by anna']);

    await runWorkflow(path, origin, 2);
    expect((await readStoredValues(path)).at(-1)).toBe('8.5 by job');
  });

  it("the GitHub Actions example fails the job with the Worker's sentence about a refusal, and does not repeat the request", async () => {
    const path = await storeOne(5, 5);
    const { origin, seen } = await startProxyWith();

    const { ended } = await runWorkflow(path, origin);

    expect(ended?.code).toBe(1);
    expect(ended?.stdout).toContain('::error::422 {"error":"value must be between 1 and 5."}\n');
    expect(seen).toHaveLength(1);
    expect(await readStoredValues(path)).toEqual(['5 by job']);
  });

  it('the GitHub Actions example requests only the permission that its token needs, and has fewer than 60 lines', () => {
    const { permissions } = parseYaml(WORKFLOW) as Workflow;
    expect(permissions).toEqual({ 'id-token': 'write' });
    expect(WORKFLOW.trimEnd().split('\n').length).toBeLessThan(60);
  });
});
