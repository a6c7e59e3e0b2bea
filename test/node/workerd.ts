/**
 * The Worker in workerd itself. A connection that is reset cancels its request here, as on the platform; wrangler's and
 * Miniflare's servers stand in front of the Worker and keep the reset to themselves.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { unstable_readConfig } from 'wrangler';
import { OFFLINE } from '../../src/cli/offline.ts';

/** The one that wrangler brings. */
const { default: WORKERD } = createRequire(import.meta.url)('workerd');

const { compatibility_date, compatibility_flags, minify, keep_names } = unstable_readConfig({
  config: 'wrangler.toml',
});

export type Isolate = {
  readonly port: number;
  /** The log lines of requests so far. */
  readonly logLines: () => LogLine[];
  readonly stop: () => Promise<void>;
};

type LogLine = { readonly [field: string]: unknown };

/** Bundles the Worker whose clock can be moved; resolves with what starts an isolate of it, and what removes all. */
export function bundleWorker() {
  const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-workerd-'));
  const main = join(process.cwd(), 'test/support/movable-clock.worker.ts');
  const config = join(folder, 'wrangler.json');
  writeFileSync(
    config,
    JSON.stringify({
      name: 'w',
      main,
      compatibility_date,
      compatibility_flags,
      minify,
      keep_names,
    }),
  );
  execFileSync('wrangler', ['deploy', '--config', config, '--dry-run', '--outdir', folder], {
    env: OFFLINE,
  });
  return {
    start: (vars: Readonly<Record<string, string>>) => startIsolate(folder, vars),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

async function startIsolate(
  folder: string,
  vars: Readonly<Record<string, string>>,
): Promise<Isolate> {
  writeFileSync(join(folder, 'config.capnp'), configOf(vars));
  const args = ['serve', '--control-fd=3', join(folder, 'config.capnp')];
  const child = spawn(WORKERD, args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  const lines: string[] = [];
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return {
    port: await listening(child),
    logLines: () =>
      lines.filter((line) => line.includes('"request_id"')).map((line) => JSON.parse(line)),
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

function configOf(vars: Readonly<Record<string, string>>): string {
  const texts = Object.entries(vars).map(
    ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker.js", esModule = embed "movable-clock.worker.js")],
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

async function listening(child: ChildProcess): Promise<number> {
  const control = child.stdio[3];
  if (!control || !('read' in control)) throw new Error('workerd has no control channel');
  for await (const line of createInterface({ input: control })) {
    const message = JSON.parse(line);
    if (message.event === 'listen') return message.port;
  }
  throw new Error('workerd ended before it listened');
}
