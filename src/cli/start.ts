/**
 * `npm start`: from a clean clone to a Worker that responds, without an account, a network or a prompt. Creates
 * what is missing and keeps what is there: .dev.vars, the local D1 and its rows.
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createDevVars, readDevVars } from './dev-vars.ts';
import { mintToken, SAMPLE } from './mint.ts';
import { OFFLINE } from './offline.ts';

const HOST = '127.0.0.1';
const HELP = `Serves the Worker on ${HOST} with a local D1 until Ctrl-C.

  npm start -- [options]

  --port N   the port (8787)
  --help     this text`;

const wrangler = (args: string[], options: SpawnOptions) => spawn('wrangler', args, { env: OFFLINE, ...options });

async function runWrangler(...args: string[]): Promise<void> {
  const child = wrangler(args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout?.on('data', (chunk) => (output += chunk));
  child.stderr?.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`wrangler ${args.join(' ')} failed:\n${output}`);
}

async function refuseTakenPort(port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch {
    throw new Error(`Port ${port} is taken. Choose another: npm start -- --port ${port + 1}`);
  } finally {
    server.close();
  }
}

/** Waits until the Worker answers anything at all, a minute at most. */
async function untilAnswering(url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    if (response) return;
    await pause(100);
  }
  throw new Error(`The Worker did not answer on ${url} within a minute.`);
}

async function firstSteps(port: number): Promise<string> {
  const { run, evaluation } = SAMPLE;
  const vars = readDevVars();
  if (!vars.JWT_SECRET) {
    return `\nServing on http://${HOST}:${port} until Ctrl-C. Its tokens come from your issuer: .dev.vars has no JWT_SECRET.\n`;
  }
  const token = await mintToken(vars, { ...SAMPLE, expires: '1h' });
  return `
Serving on http://${HOST}:${port} until Ctrl-C. Paste this into another terminal (its token is valid for an hour):

curl -i -X PUT http://${HOST}:${port}/v1/run/${run}/evaluation/${evaluation} -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"value":8}'

It answers 200 with the evaluation as stored: "value":8, "updated_by":"${SAMPLE.subject}" and the time of the write.
`;
}

async function start(port: number): Promise<void> {
  await refuseTakenPort(port);
  if (createDevVars()) console.log('Made .dev.vars with a random secret.');
  await runWrangler('d1', 'migrations', 'apply', 'DB', '--local');
  await runWrangler('d1', 'execute', 'DB', '--local', '--file', 'src/cli/sample.sql');
  console.log('The local D1 is migrated and holds the sample data. Starting the Worker ...');

  const dev = wrangler(['dev', '--local', '--ip', HOST, '--port', String(port), '--inspector-port', '0'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Ctrl-C reaches wrangler by itself, being of the same terminal; a signal sent to this process alone does not.
  const stop = () => dev.kill('SIGINT');
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const ended = once(dev, 'close');
  await Promise.race([untilAnswering(`http://${HOST}:${port}/`), ended]);
  if (dev.exitCode === null && dev.signalCode === null) console.log(await firstSteps(port));
  const [code] = await ended;
  process.exitCode = code ?? 0;
}

try {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8787' }, help: { type: 'boolean', default: false } },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port: 1 to 65535.`);
  if (values.help) console.log(HELP);
  else await start(port);
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
