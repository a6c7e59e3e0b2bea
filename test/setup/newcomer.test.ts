/** Tests the commands that a newcomer runs first, in a fresh copy of the project. */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE } from '../../src/cli/mint.ts';
import { read, readExample } from '../node/pages.ts';
import { type Child, run, startChild } from './children.ts';
import { cloneProject } from './clone.ts';
import { findFreePort } from './free-port.ts';

const project = process.cwd();
const WITH_NODE = ['src/cli/with-node.js', 'node'];
const { folder: clone, place, shell, readOutput, remove } = cloneProject();
afterAll(remove);

type Running = {
  readonly port: number;
  /** The time from `npm start` until the Worker served requests. */
  readonly seconds: number;
  readonly output: string;
  readonly curl: string;
  readonly npm: Child;
  readonly stop: () => Promise<void>;
};

async function start(port: number): Promise<Running> {
  const started = performance.now();
  const npm = startChild(place, 'npm', 'start', '--', '--port', String(port));
  await npm.waitForOutput(/^(http:.*\/v1\/link\?key=|Tokens come from)/m);
  const seconds = (performance.now() - started) / 1000;
  const output = npm.stdout();
  const stop = async () => {
    npm.signal('SIGINT');
    await npm.closed;
  };
  return { port, seconds, output, curl: /^curl .*$/m.exec(output)?.[0] ?? 'false', npm, stop };
}

async function send(curl: string) {
  const [head = '', body = ''] = (await readOutput(curl)).split('\r\n\r\n');
  return { head, body: JSON.parse(body) };
}

describe('npm start', () => {
  let running: Running;
  beforeAll(async () => {
    running = await start(await findFreePort());
  });
  afterAll(() => running.stop());

  it('npm start says what it does while it does it, and serves once the database responds', () => {
    const steps =
      /^Created \.dev\.vars.*^The settings in.*^Bringing the local D1 up to date.*^Starting the Worker.*"operation":"getHealth","status":200.*^Serving on/ms;

    expect(running.output).toMatch(steps);
    expect(running.output).not.toContain('"refusal"');
    expect(running.output).toContain('A change of .dev.vars needs a restart.');
  });

  it('npm start serves from a clean clone, and its curl line works as pasted', async () => {
    const { head, body } = await send(running.curl);

    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(body).toMatchObject({ value: 8, updated_by: SAMPLE.subject });
    expect(statSync(join(clone, '.dev.vars')).mode & 0o777).toBe(0o600);
  });

  it('npm start prints a link, and a person who opens it sees a question for a value', async () => {
    const link = /^http:\S+\/v1\/link\?key=\S+$/m.exec(running.output)?.[0];

    const page = await readOutput(`curl -s '${link}'`);

    expect(page).toContain('<h1 dir="auto">tone</h1>');
    expect(page).toContain(`<b dir="auto">${SAMPLE.subject}/anna</b>`);
  });

  it('npm start serves the API reference to a browser, with its scripts', async () => {
    const origin = `http://127.0.0.1:${running.port}`;

    const page = await readOutput(`curl -s -H 'Accept: text/html' ${origin}`);

    const scripts = [...page.matchAll(/<script src="([^"]+)"/g)].map(([, path = '']) => path);
    expect(scripts).toHaveLength(2);
    for (const path of scripts)
      expect(await readOutput(`curl -s -o /dev/null -w '%{http_code}' ${origin}${path}`)).toBe(
        '200',
      );
  });

  it('a restart of npm start keeps its data and its secrets', async () => {
    const { body } = await send(running.curl);
    const vars = readFileSync(join(clone, '.dev.vars'), 'utf8');

    await running.stop();
    const first = running.seconds;
    running = await start(running.port);

    process.stdout.write(
      `npm start: ${first.toFixed(1)} s, its restart: ${running.seconds.toFixed(1)} s\n`,
    );
    expect(running.output).toContain('The local D1 is up to date.');
    expect(readFileSync(join(clone, '.dev.vars'), 'utf8')).toBe(vars);
    const kept = await send(running.curl.replace('-X PUT', '-X GET').replace(/ -d '.*'$/, ''));
    expect(kept.body).toEqual(body);
  });

  it('npm start refuses a port that is taken, and says how to choose another', async () => {
    const taken = await shell(`npm start -- --port ${running.port}`);

    expect(taken.status).toBe(1);
    expect(taken.stderr).toContain(
      `Port ${running.port} is taken. Choose another: npm start -- --port ${running.port + 1}`,
    );
  });

  it('npm start ends with an error if another program takes the port while the Worker starts', async () => {
    const port = await findFreePort();
    const taker = createServer((_, response) => response.end('{"status":"ok"}'));
    const npm = startChild(place, 'npm', 'start', '--', '--port', String(port));
    await npm.waitForOutput(/^The settings in/m);
    taker.listen(port, '127.0.0.1');
    await once(taker, 'listening');

    const { status, stdout } = await npm.closed;
    taker.close();

    expect(status).toBe(1);
    expect(stdout).not.toContain('Serving on');
  });

  it('npm start looks for no update of wrangler, and prints its progress', () => {
    expect(running.output).not.toContain('update available');
    expect(running.output).toMatch(/^The local D1 is up to date\.\nStarting the Worker \.\.\.$/m);
  });

  it('the example of the README works as pasted: each line gets the status that its comment promises', async () => {
    const example = readExample(read('README.md'));
    const promised = [...example.matchAll(/^# (\d{3}) /gm)].map(([, status]) => status);

    const output = await readOutput(
      example.replaceAll('127.0.0.1:8787', `127.0.0.1:${running.port}`),
    );

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

  it.each([
    ['npm start -- --help', 'stdout', '--port N'],
    ['npm start -- --port 99999', 'stderr', '--port 99999 is not a port: 1 to 65535.'],
    ['npm start -- --prot 1', 'stderr', "'--prot'"],
  ] as const)('%s explains on %s: %s', async (command, stream, text) => {
    expect((await shell(command))[stream]).toContain(text);
  });
});

const isFreed = (port: number) =>
  fetch(`http://127.0.0.1:${port}/health`).then(
    () => false,
    () => true,
  );

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
  /** A public key: the example in RFC 8037, appendix A.2. */
  const KEY =
    '{"kty":"OKP","crv":"Ed25519","kid":"key-1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}';
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
      'a key set that is not JSON',
      ['JWT_JWKS={', ...provider.slice(1)],
      'JWT_JWKS is not a JSON Web Key Set',
    ],
    [
      'a key set in which two keys have one kid',
      [`JWT_JWKS={"keys":[${KEY},${KEY}]}`, ...provider.slice(1)],
      'JWT_JWKS has two keys for EdDSA with the kid key-1: give each key a kid of its own',
    ],
    [
      'a broken pointer',
      [secret, 'JWT_ACCOUNT_CLAIM=/o~id'],
      'JWT_ACCOUNT_CLAIM must be a JSON Pointer',
    ],
    [
      'an account in a location that does not exist',
      [secret, 'ACCOUNT_OBJECTS=acc_berlin@europe'],
      'ACCOUNT_OBJECTS must be accounts such as acc_berlin',
    ],
  ])(
    'npm start and npm run token refuse a wrong setting, name it, and leave .dev.vars as it is: %s',
    async (_, lines, fault) => {
      write(...lines);
      const kept = readFileSync(file, 'utf8');

      for (const { status, stderr } of await Promise.all(commands.map(shell))) {
        expect(status).toBe(1);
        expect(stderr).toContain(`A setting in .dev.vars is wrong: ${fault}`);
        expect(stderr).toContain('Correct it there, and start again.');
        expect(stderr).not.toContain('wrangler secret put');
        expect(stderr).not.toContain('delete the file');
      }
      expect(readFileSync(file, 'utf8')).toBe(kept);
    },
  );

  it.each([
    ['a value without a name', [secret, '# a note', '=x'], 3],
    ['a name without a value', [secret, '', 'JWT_ISSUER'], 3],
    ['a line after a value of several lines', [secret, "JWT_JWKS='{", "}'", 'JWT_ISSUER: x'], 4],
  ])('npm start and npm run token name a line that cannot be read: %s', async (_, lines, line) => {
    write(...lines);

    for (const { status, stderr } of await Promise.all(commands.map(shell))) {
      expect(status).toBe(1);
      expect(stderr).toContain(`Line ${line} of .dev.vars cannot be read: write NAME=value`);
    }
  });

  it('npm start and npm run token name a setting that does not exist, such as a misspelled one', async () => {
    write(secret, 'JWT_ISUER=https://issuer.example');

    for (const { status, stderr } of await Promise.all(commands.map(shell))) {
      expect(status).toBe(1);
      expect(stderr).toContain('.dev.vars sets JWT_ISUER, which is no setting');
    }
  });

  it('npm run token prints no token for an identity provider, and no advice that would lose its settings', async () => {
    write(...provider);

    const { status, stdout, stderr } = await shell('npm run -s token');

    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^Tokens come from your identity provider/);
    expect(stderr).not.toContain('npm start');
  });

  it('npm run token shapes a token by the settings of an identity provider, if there is a secret', async () => {
    write(
      secret,
      'JWT_ISSUER=https://issuer.example',
      'JWT_AUDIENCE=one two',
      ...provider.slice(2),
      'JWT_RUN_CLAIM=/o/run',
    );

    const token = await readOutput(`npm run -s token -- --run ${SAMPLE.run}`);
    const { iat: _, exp: __, ...claims } = decodeJwt(token.trim());

    expect(claims).toEqual({
      iss: 'https://issuer.example',
      aud: 'one',
      azp: 'web-app',
      o: { id: SAMPLE.account, run: SAMPLE.run },
      sub: SAMPLE.subject,
    });
  });

  it('npm start with an identity provider prints no curl line, and serves until npm gets a SIGTERM', async () => {
    write(...provider);
    const { output, port, npm } = await start(await findFreePort());

    expect(output).not.toMatch(/^curl /m);
    expect(readFileSync(file, 'utf8')).toMatch(/^JWT_JWKS_URL=[\s\S]*\nLINK_SECRET=[\w-]{64}\n$/);
    expect(output).toContain('Tokens come from your identity provider');

    process.kill(npm.pid, 'SIGTERM');
    await npm.closed;
    expect(await isFreed(port)).toBe(true);
  });

  it('npm start ends if wrangler ends, and says why', async () => {
    write(secret);
    const env = { ...place.env, HOME: '/dev/null', XDG_CONFIG_HOME: '/dev/null' };
    const program = ['src/cli/start.ts', '--port', String(await findFreePort())];

    const { status, stderr } = await run({ ...place, env }, 'node', ...WITH_NODE, ...program);

    expect(status).toBe(1);
    expect(stderr).toContain("mkdir '/dev/null/.wrangler'");
    // Another process may write to stderr, so this text may begin in the middle of a line.
    expect(stderr).toContain(
      'wrangler dev ended with 1, and the Worker with it: its own message is above.',
    );
  });
});

describe('npm run token', () => {
  // `npm start` creates .dev.vars, but these tests may run without `npm start`.
  beforeAll(() => {
    const file = join(clone, '.dev.vars');
    if (!existsSync(file)) writeFileSync(file, `JWT_SECRET=${'x'.repeat(32)}\n`);
  });

  it('npm run token prints only a token, with the account, author and lifetime of its options', async () => {
    const token = await readOutput(
      'npm run -s token -- --account acc_a --subject someone --expires 2h',
    );
    const { iat = 0, exp = 0, ...claims } = decodeJwt(token.trim());

    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(claims).toEqual({ account_id: 'acc_a', sub: 'someone' });
    expect(exp - iat).toBe(7200);
  });

  it('npm run token mints a token for one evaluation, as a webhook sender gets it', async () => {
    const token = await readOutput(
      `npm run -s token -- --run ${SAMPLE.run} --evaluation ${SAMPLE.evaluation} --scope 'a b' --expires 30d`,
    );
    const { iat = 0, exp = 0, ...claims } = decodeJwt(token.trim());

    expect(claims).toMatchObject({
      run_id: SAMPLE.run,
      evaluation_id: SAMPLE.evaluation,
      scope: 'a b',
    });
    expect(exp - iat).toBe(30 * 24 * 3600);
  });

  it.each([
    ['npm run -s token -- --run all', 'stderr', '--run all is not a UUID.'],
    ['npm run -s token -- --help', 'stdout', '--account ID'],
    ['npm run -s token -- --expires soon', 'stderr', '--expires soon is not a time span'],
  ] as const)('%s explains on %s: %s', async (command, stream, text) => {
    expect((await shell(command))[stream]).toContain(text);
  });

  it('npm run token outside of a started project says to run npm start', async () => {
    const elsewhere = { ...place, cwd: tmpdir() };

    const { status, stderr } = await run(elsewhere, 'node', join(project, 'src/cli/token.ts'));

    expect(status).toBe(1);
    expect(stderr).toContain('run `npm start` once');
  });
});
