/**
 * Runs a Worker in workerd without wrangler or Miniflare, whose proxy would hide a reset
 * connection.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { unstable_readConfig } from 'wrangler';
import { OFFLINE } from '../../src/cli/offline.ts';

// Only wrangler depends on workerd, so Biome forbids an `import` of workerd.
const { default: WORKERD } = createRequire(import.meta.url)('workerd');

const { compatibility_date, compatibility_flags, minify, keep_names } = unstable_readConfig({
  config: 'wrangler.toml',
});

export type Isolate = {
  readonly port: number;
  /** Returns the Worker's log lines so far, one for each request. */
  readonly logLines: () => LogLine[];
  readonly output: () => string;
  readonly stop: () => Promise<void>;
};

type LogLine = { readonly [field: string]: unknown };

export type Bundle = Awaited<ReturnType<typeof bundleWorker>>;

/** Bundles the Worker whose entry module is the file `main`. */
export async function bundleWorker(main: string) {
  const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-workerd-'));
  const config = join(folder, 'wrangler.json');
  writeFileSync(
    config,
    JSON.stringify({
      name: 'w',
      main: join(process.cwd(), main),
      compatibility_date,
      compatibility_flags,
      minify,
      keep_names,
    }),
  );
  const args = ['deploy', '--config', config, '--dry-run', '--outdir', join(folder, 'bundle')];
  await promisify(execFile)('wrangler', args, { env: OFFLINE });
  return {
    start: (vars: Readonly<Record<string, string>>) => startIsolate(folder, main, vars),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

async function startIsolate(
  folder: string,
  main: string,
  vars: Readonly<Record<string, string>>,
): Promise<Isolate> {
  const config = join(folder, 'config.capnp');
  writeFileSync(config, buildConfig(main, vars));
  const args = ['serve', '--control-fd=3', config];
  const child = spawn(WORKERD, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr])
    if (input) createInterface({ input }).on('line', (line) => lines.push(line));
  const output = () => lines.join('\n');
  return {
    port: await readPort(child).catch(({ message }) => {
      throw new Error(`${message}:\n${output()}`);
    }),
    logLines: () =>
      lines.filter((line) => line.includes('"request_id"')).map((line) => JSON.parse(line)),
    output,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

function buildConfig(main: string, vars: Readonly<Record<string, string>>): string {
  const texts = Object.entries(vars).map(
    ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
  );
  const module = `bundle/${main.replace(/^.*\/|\.ts$/g, '')}.js`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker.js", esModule = embed "${module}")],
      compatibilityDate = "${compatibility_date}",
      compatibilityFlags = ${JSON.stringify(compatibility_flags ?? [])},
      bindings = [${texts.join(', ')}],
    )),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`;
}

/**
 * Waits until workerd listens, and returns its port.
 * @throws {Error} if workerd ends without listening
 */
async function readPort(child: ChildProcess): Promise<number> {
  const control = child.stdio[3];
  if (!control || !('read' in control)) throw new Error('workerd has no control channel');
  for await (const line of createInterface({ input: control })) {
    const message = JSON.parse(line);
    if (message.event === 'listen') return message.port;
  }
  throw new Error('workerd ended before it listened');
}
