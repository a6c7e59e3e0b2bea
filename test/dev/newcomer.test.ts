/** A newcomer's way, run as the README says, in a copy of the project that holds only what git knows. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const project = process.cwd();
const clone = mkdtempSync(join(tmpdir(), 'run-evaluation-'));
const started: ChildProcess[] = [];

/** Node as the project pins it, whatever runs this test. */
const env = { ...process.env, PATH: `${join(project, 'node_modules/.bin')}:${process.env['PATH']}` };
const shell = (command: string) => spawnSync('sh', ['-c', command], { cwd: clone, env, encoding: 'utf8' });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Starts the Worker, resolves with what it printed once it printed its curl line. */
async function start(port: number): Promise<{ output: string; stop: () => Promise<void> }> {
  const child = spawn('npm', ['start', '--', '--port', String(port)], { cwd: clone, env, detached: true });
  started.push(child);
  const ended = once(child, 'exit');
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    if (/^It answers 200/m.test(output)) break;
  }
  const stop = async () => {
    // To the whole process group, as a terminal's Ctrl-C.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    await ended;
  };
  return { output, stop };
}

const curlIn = (output: string) => /^curl .*$/m.exec(output)?.[0] ?? 'no curl line';
const answerOf = (curl: string) => {
  const [head = '', body = ''] = shell(curl).stdout.split('\r\n\r\n');
  return { head, body: JSON.parse(body) };
};

beforeAll(() => {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
  for (const file of files.trim().split('\n')) cpSync(join(project, file), join(clone, file), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(clone, 'node_modules'));
});

afterAll(() => {
  for (const { pid, exitCode, signalCode } of started) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
  }
  rmSync(clone, { recursive: true });
});

describe('npm start', () => {
  it('serves from a clean clone; its curl line works as pasted; the data outlives a restart', async () => {
    const port = await freePort();
    const first = await start(port);

    const answer = answerOf(curlIn(first.output));
    expect(answer.head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(answer.body).toMatchObject({ value: 8, updated_by: 'user-123' });
    expect(statSync(join(clone, '.dev.vars')).mode & 0o777).toBe(0o600);
    const vars = readFileSync(join(clone, '.dev.vars'), 'utf8');

    const taken = shell(`npm start -- --port ${port}`);
    expect(taken.status).toBe(1);
    expect(taken.stderr).toContain(`Port ${port} is taken. Choose another: npm start -- --port ${port + 1}`);
    await first.stop();

    const second = await start(port);
    expect(readFileSync(join(clone, '.dev.vars'), 'utf8')).toBe(vars);
    const kept = shell(
      `wrangler d1 execute DB --local --json --command "SELECT value, updated_at FROM run_evaluation WHERE id = '${answer.body.id}'"`,
    );
    expect(JSON.parse(kept.stdout)[0].results).toEqual([{ value: 8, updated_at: answer.body.updated_at }]);
    await second.stop();
  });

  it('explains itself, and refuses what it does not know', () => {
    expect(shell('npm start -- --help').stdout).toContain('--port N');
    expect(shell('npm start -- --port 99999').stderr).toContain('--port 99999 is not a port: 1 to 65535.');
    expect(shell('npm start -- --prot 1').stderr).toContain("'--prot'");
  });
});

describe('npm run token', () => {
  it('prints a token and nothing else, with the account, author and lifetime that are asked for', () => {
    const minted = shell('npm run -s token -- --account acc_a --subject someone --expires 2h');
    const { iat = 0, exp = 0, ...claims } = decodeJwt(minted.stdout.trim());

    expect(minted.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(claims).toEqual({ account_id: 'acc_a', sub: 'someone' });
    expect(exp - iat).toBe(7200);
  });

  it('mints a token for one evaluation, as a webhook sender gets it', () => {
    const [run, evaluation] = ['018f4d3c-0001-7000-8000-000000000001', '018f4d3d-0001-7000-8000-000000000001'];
    const minted = shell(`npm run -s token -- --run ${run} --evaluation ${evaluation} --scope 'a b' --expires 30d`);
    const { iat = 0, exp = 0, ...claims } = decodeJwt(minted.stdout.trim());

    expect(claims).toMatchObject({ run_id: run, evaluation_id: evaluation, scope: 'a b' });
    expect(exp - iat).toBe(30 * 24 * 3600);
  });

  it('explains itself, and refuses what it cannot do', () => {
    expect(shell('npm run -s token -- --run all').stderr).toContain('--run all is not a UUID.');
    expect(shell('npm run -s token -- --help').stdout).toContain('--account ID');
    expect(shell('npm run -s token -- --expires soon').stderr).toContain('--expires soon is not a time span');
    const elsewhere = spawnSync('node', [join(project, 'test/dev/token.ts')], { cwd: tmpdir(), env, encoding: 'utf8' });
    expect(elsewhere.status).toBe(1);
    expect(elsewhere.stderr).toContain('run `npm start` once');
  });
});

describe('drizzle/', () => {
  it('holds a migration for everything in the schema', () => {
    const before = shell('ls drizzle').stdout;

    expect(shell('npm run -s migration').stdout).toContain('No schema changes');
    expect(shell('ls drizzle').stdout).toBe(before);
  });
});
