/**
 * `npm start` runs the Worker locally, without a Cloudflare account, a network or input. Creates
 * .dev.vars and the local D1, and keeps existing settings and rows.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Settings } from '../settings.ts';
import { addLinkSecret, createDevVars, readLocalSettings } from './dev-vars.ts';
import { isUpToDate, updateLocalDatabase } from './local-database.ts';
import { mintToken, SAMPLE, type TokenOptions } from './mint.ts';
import { OFFLINE } from './offline.ts';
import { program } from './program.ts';

const HOST = '127.0.0.1';
const HELP = `Serves the Worker on ${HOST} with a local D1 until Ctrl-C.

  npm start -- [options]

  --port N   the port (8787)
  --help     this text`;

const PROGRESS_INTERVAL_MS = 1500;
/** wrangler prints the log line of a request at most this long after the response. */
const LOG_LINE_MAX_MS = 5000;

let running: ChildProcess | undefined;
let isStopped = false;

/** Stops wrangler too, because a signal may reach only this process. */
function stop(): void {
  isStopped = true;
  running?.kill('SIGINT');
}

/** Prints the name of a step, and repeatedly how long the step has taken. */
async function reportProgress<T>(step: string, work: Promise<T>): Promise<T> {
  const started = performance.now();
  console.log(`${step} ...`);
  const timer = setInterval(() => {
    console.log(`${step} ... ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }, PROGRESS_INTERVAL_MS);
  return work.finally(() => clearInterval(timer));
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
 * Waits until our own Worker is healthy, or until the signal aborts. Another program may answer on
 * the port, so wrangler's output must contain the random id of the request.
 * @throws {Error} if the Worker is not healthy within a minute, or if another program answers.
 */
async function waitUntilHealthy(
  url: string,
  hasPrinted: (text: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const id = randomUUID();
  const headers = { 'x-request-id': id };
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && !signal.aborted) {
    const response = await fetch(url, { headers, signal }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) {
      await waitWhileMissing(() => hasPrinted(id), signal);
      if (hasPrinted(id) || signal.aborted) return;
      throw new Error(`Another program answers on ${url}: stop it, or choose another port.`);
    }
    await pause(100);
  }
  if (!signal.aborted) throw new Error(`The Worker did not answer 200 on ${url} within a minute.`);
}

async function waitWhileMissing(isThere: () => boolean, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + LOG_LINE_MAX_MS;
  while (!isThere() && Date.now() < deadline && !signal.aborted) await pause(10);
}

async function describeFirstSteps(origin: string, settings: Settings): Promise<string> {
  const serving = `\nServing on ${origin} until Ctrl-C. A change of .dev.vars needs a restart.`;
  if (settings.keys.kind !== 'secret') {
    return `${serving}\nTokens come from your identity provider: take one from there. The sample data belongs to the account ${SAMPLE.account}.\n`;
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

/** Returns a text with the URL of a new link; empty if links are off. */
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
  return `\nOpen this link in a browser: on its page, a person gives a value. A machine may post to the same link.\n\n${url}\n`;
}

async function start(port: number): Promise<void> {
  process.on('SIGINT', stop).on('SIGTERM', stop);
  await refuseTakenPort(port);
  if (createDevVars()) console.log('Created .dev.vars with random secrets.');
  const settings = await readLocalSettings();
  if (addLinkSecret()) console.log('Added a random LINK_SECRET to .dev.vars.');
  console.log('The settings in .dev.vars are right.');
  if (isUpToDate()) console.log('The local D1 is up to date.');
  else await reportProgress('Bringing the local D1 up to date', updateLocalDatabase());
  if (isStopped) return;
  const origin = `http://${HOST}:${port}`;
  const options = ['--ip', HOST, '--port', String(port), '--inspector-port', '0'];
  const dev = spawn('wrangler', ['dev', '--local', ...options], {
    env: process.stdout.isTTY ? { ...OFFLINE, FORCE_COLOR: '1' } : OFFLINE,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = dev;
  let printed: string | undefined = '';
  dev.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    if (printed !== undefined) printed += chunk;
  });
  const waiting = new AbortController();
  const ended = once(dev, 'close').finally(() => waiting.abort());
  const hasPrinted = (text: string) => printed?.includes(text) ?? false;
  const healthy = waitUntilHealthy(`${origin}/health`, hasPrinted, waiting.signal);
  await reportProgress('Starting the Worker', healthy).catch((thrown: unknown) => {
    stop();
    throw thrown;
  });
  printed = undefined;
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
