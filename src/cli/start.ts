/**
 * `npm start`: takes a clean clone to a Worker that responds, without a Cloudflare account, a
 * network or a prompt. Creates .dev.vars and the local D1 if they are missing. Keeps them, with
 * their rows, if they exist.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Settings } from '../settings.ts';
import { addLinkSecret, createDevVars, readLocalSettings } from './dev-vars.ts';
import { mintToken, SAMPLE, type TokenOptions } from './mint.ts';
import { OFFLINE } from './offline.ts';
import { program } from './program.ts';

const HOST = '127.0.0.1';
const HELP = `Serves the Worker on ${HOST} with a local D1 until Ctrl-C.

  npm start -- [options]

  --port N   the port (8787)
  --help     this text`;

let running: ChildProcess | undefined;
let isStopped = false;

function wrangler(args: string[], options: SpawnOptions): ChildProcess {
  running = spawn('wrangler', args, { env: OFFLINE, ...options });
  return running;
}

/**
 * Passes a signal on to wrangler. Ctrl-C reaches wrangler without this, because both processes have
 * the same terminal. A signal that is sent only to this process does not reach wrangler.
 */
function stop(): void {
  isStopped = true;
  running?.kill('SIGINT');
}

async function runWrangler(...args: string[]): Promise<void> {
  const child = wrangler(args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout?.on('data', (chunk) => (output += chunk));
  child.stderr?.on('data', (chunk) => (output += chunk));
  const [code, signal] = await once(child, 'close');
  if (code !== 0 && !isStopped)
    throw new Error(`wrangler ${args.join(' ')} ended with ${code ?? signal}:\n${output}`);
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

/**
 * Waits until the Worker is healthy or the signal aborts.
 * @throws {Error} if the Worker is not healthy within a minute.
 */
async function waitUntilHealthy(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && !signal.aborted) {
    const response = await fetch(url, { signal }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok || signal.aborted) return;
    await pause(200);
  }
  if (!signal.aborted) throw new Error(`The Worker did not answer 200 on ${url} within a minute.`);
}

/**
 * Returns what to do next. Has a curl line only if `.dev.vars` has the secret that signs tokens.
 */
async function describeFirstSteps(origin: string, settings: Settings): Promise<string> {
  const serving = `\nServing on ${origin} until Ctrl-C. A change of .dev.vars needs a restart.`;
  if (settings.keys.kind !== 'secret') {
    return `${serving}\nTokens come from your identity provider: take one from there. The sample data is of the account ${SAMPLE.account}.\n`;
  }
  const headers = await createHeaders(settings, SAMPLE);
  const evaluation = `${origin}/v1/run/${SAMPLE.run}/evaluation/${SAMPLE.evaluation}`;
  const shown = Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}'`);
  const link = await createSampleLink(evaluation, settings);
  return `${serving} Paste this into another terminal (its token is valid for an hour):

curl -i -X PUT ${evaluation} ${shown.join(' ')} -d '{"value":8}'

It answers 200 with the evaluation as stored: "value":8, "updated_by":"${SAMPLE.subject}" and the time of the write.
${link}`;
}

/** Returns the headers of a request, with a development token that is valid for an hour. */
async function createHeaders(
  settings: Settings,
  token: Omit<TokenOptions, 'expires'>,
): Promise<Record<string, string>> {
  const jwt = await mintToken(settings, { ...token, expires: '1h' });
  const credentials =
    settings.tokenHeader === undefined
      ? { Authorization: `Bearer ${jwt}` }
      : { [settings.tokenHeader]: jwt };
  return { ...credentials, 'Content-Type': 'application/json' };
}

/** Creates a link for a person, and returns the text to print; empty if LINK_SECRET is blank. */
async function createSampleLink(evaluation: string, settings: Settings): Promise<string> {
  const { account, subject } = SAMPLE;
  const headers = await createHeaders(settings, { account, subject });
  const response = await fetch(`${evaluation}/links`, {
    method: 'POST',
    headers,
    body: '{"name":"anna"}',
  });
  if (!response.ok) return '';
  const { url } = (await response.json()) as { url: string };
  return `\nOpen this in a browser: what a person gets who is asked for a value. A machine may post to it instead.\n\n${url}\n`;
}

async function start(port: number): Promise<void> {
  process.on('SIGINT', stop).on('SIGTERM', stop);
  await refuseTakenPort(port);
  if (createDevVars()) console.log('Made .dev.vars with random secrets.');
  const settings = await readLocalSettings();
  if (addLinkSecret()) console.log('Added a random LINK_SECRET to .dev.vars.');
  console.log('The settings in .dev.vars are right.\nMigrating the local D1 ...');
  await runWrangler('d1', 'migrations', 'apply', 'DB', '--local');
  if (isStopped) return;
  console.log('Loading the sample data ...');
  await runWrangler('d1', 'execute', 'DB', '--local', '--file', 'src/cli/sample.sql');
  if (isStopped) return;
  console.log('Starting the Worker ...');
  const origin = `http://${HOST}:${port}`;
  const dev = wrangler(
    ['dev', '--local', '--ip', HOST, '--port', String(port), '--inspector-port', '0'],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const waiting = new AbortController();
  const ended = once(dev, 'close').finally(() => waiting.abort());
  await waitUntilHealthy(`${origin}/health`, waiting.signal).catch((thrown: unknown) => {
    stop();
    throw thrown;
  });
  if (!waiting.signal.aborted) console.log(await describeFirstSteps(origin, settings));
  const [code, signal] = await ended;
  if (isStopped) return;
  throw new Error(
    `wrangler dev ended with ${code ?? signal}, and the Worker with it: its own message is above.`,
  );
}

await program(HELP, { port: { type: 'string', default: '8787' } }, async (values) => {
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port: 1 to 65535.`);
  await start(port);
});
