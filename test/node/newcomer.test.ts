/** A newcomer's way, run as the README says, in a copy of the project. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE } from '../../src/cli/mint.ts';
import { cloneProject, env } from './clone.ts';
import { freePort } from './free-port.ts';
import { exampleOf, read } from './pages.ts';

const project = process.cwd();
const { folder: clone, shell, remove } = cloneProject();
const started: ChildProcess[] = [];

type Running = {
  readonly port: number;
  readonly output: string;
  readonly curl: string;
  readonly npm: number;
  readonly stop: () => Promise<void>;
};

/** Starts the Worker, resolves once it has said what to do next. */
async function start(port: number): Promise<Running> {
  const child = spawn('npm', ['start', '--', '--port', String(port)], {
    cwd: clone,
    env,
    detached: true,
  });
  started.push(child);
  const ended = once(child, 'exit');
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    if (/^(http:.*\/v1\/link\?key=|Tokens come from)/m.test(output)) break;
  }
  const stop = async () => {
    // To the whole process group, as a terminal's Ctrl-C.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    await ended;
  };
  return {
    port,
    output,
    curl: /^curl .*$/m.exec(output)?.[0] ?? `no curl line in ${output}`,
    npm: child.pid ?? 0,
    stop,
  };
}

const answerOf = (curl: string) => {
  const [head = '', body = ''] = shell(curl).stdout.split('\r\n\r\n');
  return { head, body: JSON.parse(body) };
};

afterAll(() => {
  for (const { pid, exitCode, signalCode } of started) {
    if (pid !== undefined && exitCode === null && signalCode === null)
      process.kill(-pid, 'SIGKILL');
  }
  remove();
});

describe('npm start', () => {
  let running: Running;
  beforeAll(async () => {
    running = await start(await freePort());
  }, 180_000);
  afterAll(() => running.stop());

  it('says what it does while it does it, and serves when the database answers', () => {
    const steps =
      /^Made \.dev\.vars.*^The settings in.*^Migrating the local D1.*^Loading the sample data.*^Starting the Worker.*"operation":"getHealth","status":200.*^Serving on/ms;

    expect(running.output).toMatch(steps);
    expect(running.output).not.toContain('"refusal"');
    expect(running.output).toContain('A change of .dev.vars needs a restart.');
  });

  it('serves from a clean clone, and its curl line works as pasted', () => {
    const { head, body } = answerOf(running.curl);

    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(body).toMatchObject({ value: 8, updated_by: SAMPLE.subject });
    expect(statSync(join(clone, '.dev.vars')).mode & 0o777).toBe(0o600);
  });

  it('prints a link, and a person who opens it is asked for a value', () => {
    const link = /^http:\S+\/v1\/link\?key=\S+$/m.exec(running.output)?.[0];

    const page = shell(`curl -s '${link}'`).stdout;

    expect(page).toContain('<h1 dir="auto">tone</h1>');
    expect(page).toContain(`<b dir="auto">${SAMPLE.subject}/anna</b>`);
  });

  it('keeps its data and its secrets over a restart', async () => {
    const { body } = answerOf(running.curl);
    const vars = readFileSync(join(clone, '.dev.vars'), 'utf8');

    await running.stop();
    running = await start(running.port);

    expect(readFileSync(join(clone, '.dev.vars'), 'utf8')).toBe(vars);
    const kept = answerOf(running.curl.replace('-X PUT', '-X GET').replace(/ -d '.*'$/, ''));
    expect(kept.body).toEqual(body);
  }, 180_000);

  it('says so where the port is taken, and how to choose another', () => {
    const taken = shell(`npm start -- --port ${running.port}`);

    expect(taken.status).toBe(1);
    expect(taken.stderr).toContain(
      `Port ${running.port} is taken. Choose another: npm start -- --port ${running.port + 1}`,
    );
  });

  it('serves the worked example of the README, line by line, to the history that tells what a judge and a reviewer did', () => {
    const example = exampleOf(read('README.md'));
    const promised = [...example.matchAll(/^# (\d{3}) /gm)].map(([, status]) => status);

    const output = shell(example.replaceAll('127.0.0.1:8787', `127.0.0.1:${running.port}`)).stdout;

    const given = [...output.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
    expect(promised.length).toBeGreaterThan(8);
    expect(given).toEqual(promised);
    const [evaluation, repeated, history] = output
      .split('HTTP/1.1 ')
      .slice(-3)
      .map((response) => JSON.parse(response.split('\r\n\r\n')[1] ?? ''));
    const [judge, anna] = [`${SAMPLE.subject}/judge`, `${SAMPLE.subject}/anna`];
    expect(evaluation).toMatchObject({ value: 4, updated_by: anna });
    expect(repeated).toMatchObject({ value: 9, updated_by: judge });
    const { evaluation_id: _, ...latest } = history[0];
    expect(latest).toEqual({
      value: 9,
      updated_by: judge,
      updated_at: repeated.updated_at,
      replaced_by: anna,
      replaced_at: evaluation.updated_at,
    });
  });

  it('explains itself, and refuses what it does not know', () => {
    expect(shell('npm start -- --help').stdout).toContain('--port N');
    expect(shell('npm start -- --port 99999').stderr).toContain(
      '--port 99999 is not a port: 1 to 65535.',
    );
    expect(shell('npm start -- --prot 1').stderr).toContain("'--prot'");
  });
});

/** Whether nobody listens on the port any more, or not for ten seconds. */
async function isFreed(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const isRefused = await fetch(`http://127.0.0.1:${port}/health`).then(
      () => false,
      () => true,
    );
    if (isRefused) return true;
    await pause(200);
  }
  return false;
}

describe("an identity provider's settings in .dev.vars", () => {
  const file = join(clone, '.dev.vars');
  const provider = [
    'JWT_JWKS_URL=https://issuer.example/keys',
    'JWT_ISSUER=https://issuer.example',
    'JWT_CLIENT_CLAIM=azp',
    'JWT_CLIENTS=web-app',
    'JWT_ACCOUNT_CLAIM=/o/id',
  ];
  const secret = `JWT_SECRET=${'x'.repeat(32)}`;
  const write = (...lines: string[]) => writeFileSync(file, `${lines.join('\n')}\n`);
  const commands = ['node src/cli/start.ts --port 1', 'node src/cli/token.ts'];
  let before: string | undefined;
  beforeAll(() => {
    before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  });
  afterAll(() => {
    rmSync(file, { force: true });
    if (before !== undefined) writeFileSync(file, before);
  });

  it.each<[string, string[], string]>([
    [
      'JWT_SECRET beside a key set',
      [secret, ...provider],
      'JWT_SECRET and JWT_JWKS_URL are set: keep one and delete the other',
    ],
    ['no source of keys', ['JWT_SECRET='], 'JWT_SECRET or JWT_JWKS or JWT_JWKS_URL must be set'],
    ['a key set without an issuer', provider.slice(0, 1), 'JWT_ISSUER must be set with a key set'],
    [
      'clients without their claim',
      [...provider.slice(0, 2), 'JWT_CLIENTS=web-app'],
      'JWT_CLIENT_CLAIM must be set',
    ],
    [
      'a key set of rubbish',
      ['JWT_JWKS={', ...provider.slice(1)],
      'JWT_JWKS is not a JSON Web Key Set',
    ],
    [
      'a broken pointer',
      [secret, 'JWT_ACCOUNT_CLAIM=/o~id'],
      'JWT_ACCOUNT_CLAIM must be a JSON Pointer',
    ],
  ])(
    'are refused before anything is served, by npm start and npm run token: %s',
    (_, lines, fault) => {
      write(...lines);
      const kept = readFileSync(file, 'utf8');

      for (const { status, stderr } of commands.map(shell)) {
        expect(status).toBe(1);
        expect(stderr).toContain(`A setting in .dev.vars is wrong: ${fault}`);
        expect(stderr).not.toContain('delete the file');
      }
      expect(readFileSync(file, 'utf8')).toBe(kept);
    },
  );

  it('get no development token, and no advice that would lose them', () => {
    write(...provider);

    const { status, stdout, stderr } = shell('npm run -s token');

    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^Tokens come from your identity provider/);
    expect(stderr).not.toContain('npm start');
  });

  it('shape a development token where there is a secret', () => {
    write(
      secret,
      'JWT_ISSUER=https://issuer.example',
      'JWT_AUDIENCE=one two',
      ...provider.slice(2),
      'JWT_RUN_CLAIM=/o/run',
    );

    const {
      iat: _,
      exp: __,
      ...claims
    } = decodeJwt(shell(`npm run -s token -- --run ${SAMPLE.run}`).stdout.trim());

    expect(claims).toEqual({
      iss: 'https://issuer.example',
      aud: 'one',
      azp: 'web-app',
      o: { id: SAMPLE.account, run: SAMPLE.run },
      sub: SAMPLE.subject,
    });
  });

  it('are served without a curl line that would not work, until npm gets a SIGTERM', async () => {
    write(...provider);
    const { output, port, npm } = await start(await freePort());

    expect(output).not.toMatch(/^curl /m);
    expect(readFileSync(file, 'utf8')).toMatch(/^JWT_JWKS_URL=[\s\S]*\nLINK_SECRET=[\w-]{64}\n$/);
    expect(output).toContain('Tokens come from your identity provider');

    process.kill(npm, 'SIGTERM');
    expect(await isFreed(port)).toBe(true);
  }, 180_000);

  it('are not served where wrangler ends: npm start ends too, and says why', async () => {
    write(secret);
    const home = { HOME: '/dev/null', XDG_CONFIG_HOME: '/dev/null' };
    const args = [
      'src/cli/with-node.js',
      'node',
      'src/cli/start.ts',
      '--port',
      String(await freePort()),
    ];

    const { status, stderr } = spawnSync('node', args, {
      cwd: clone,
      env: { ...env, ...home },
      encoding: 'utf8',
    });

    expect(status).toBe(1);
    expect(stderr).toContain("mkdir '/dev/null/.wrangler'");
    // Not at the start of a line: what wrangler leaves running may be writing to the same stream.
    expect(stderr).toContain(
      'wrangler dev ended with 1, and the Worker with it: its own message is above.',
    );
  }, 180_000);
});

describe('npm run token', () => {
  // What npm start makes, should this be run without it.
  beforeAll(() => {
    const file = join(clone, '.dev.vars');
    if (!existsSync(file)) writeFileSync(file, `JWT_SECRET=${'x'.repeat(32)}\n`);
  });

  it('prints a token and nothing else, with the account, author and lifetime that are asked for', () => {
    const minted = shell('npm run -s token -- --account acc_a --subject someone --expires 2h');
    const { iat = 0, exp = 0, ...claims } = decodeJwt(minted.stdout.trim());

    expect(minted.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(claims).toEqual({ account_id: 'acc_a', sub: 'someone' });
    expect(exp - iat).toBe(7200);
  });

  it('mints a token for one evaluation, as a webhook sender gets it', () => {
    const { run, evaluation } = SAMPLE;
    const minted = shell(
      `npm run -s token -- --run ${run} --evaluation ${evaluation} --scope 'a b' --expires 30d`,
    );
    const { iat = 0, exp = 0, ...claims } = decodeJwt(minted.stdout.trim());

    expect(claims).toMatchObject({ run_id: run, evaluation_id: evaluation, scope: 'a b' });
    expect(exp - iat).toBe(30 * 24 * 3600);
  });

  it('explains itself, and refuses what it cannot do', () => {
    expect(shell('npm run -s token -- --run all').stderr).toContain('--run all is not a UUID.');
    expect(shell('npm run -s token -- --help').stdout).toContain('--account ID');
    expect(shell('npm run -s token -- --expires soon').stderr).toContain(
      '--expires soon is not a time span',
    );
    const elsewhere = spawnSync('node', [join(project, 'src/cli/token.ts')], {
      cwd: tmpdir(),
      env,
      encoding: 'utf8',
    });
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
