/**
 * Starts workerd with one Worker for each group of settings, and reads the CPU time of the process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { register, stop } from './children.ts';
import { createStandIn } from './stand-in.ts';
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS } from './workers.ts';

/** The path of workerd itself. The `workerd` in node_modules/.bin is a Node program. */
const { default: WORKERD } = createRequire(import.meta.url)('workerd');

export type Workerd = {
  /** Maps the name of each group of settings to a port, and `d1` to the port of the stand-in. */
  readonly ports: ReadonlyMap<string, number>;
  readonly pid: number;
  /** Returns the CPU time of all threads so far, in nanoseconds. */
  readonly cpu: () => number;
  readonly stop: () => Promise<void>;
};

type Settings = { readonly [name: string]: string };

type Options = {
  /** A command that starts workerd, such as valgrind. */
  readonly under?: readonly string[];
  readonly roundTripMs?: number;
  readonly v8Flags?: readonly string[];
};

/** Starts workerd with the bundle in `folder`. `settings` maps a Worker's name to its variables. */
export async function startWorkerd(
  folder: string,
  settings: ReadonlyMap<string, Settings>,
  { under = [], roundTripMs = 0, v8Flags = [] }: Options = {},
): Promise<Workerd> {
  writeFileSync(join(folder, 'd1.js'), createStandIn(roundTripMs));
  writeFileSync(join(folder, 'config.capnp'), createConfig(settings, v8Flags));
  const [command = '', ...args] = [...under, WORKERD, 'serve', '--experimental', '--control-fd=3'];
  // Ignores the Worker's log. The CPU time still includes the cost of writing the log.
  const stdio = ['ignore', 'ignore', 'inherit', 'pipe'] as const;
  // SIGKILL, because valgrind can miss a SIGTERM while it writes a count.
  const child = register(
    spawn(command, [...args, join(folder, 'config.capnp')], { stdio: [...stdio] }),
    'SIGKILL',
  );
  const ports = await waitForPorts(child, settings.size + 1);
  return {
    ports,
    pid: child.pid ?? 0,
    cpu: () => readCpu(child),
    stop: () => stop(child),
  };
}

/** Connects the D1 binding of workerd to the stand-in. */
const DATABASE_BINDING =
  '(name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = "d1")]))';

function createConfig(settings: ReadonlyMap<string, Settings>, v8Flags: readonly string[]): string {
  const services = [...settings].map(([name, vars]) => {
    const texts = Object.entries(vars).map(
      ([key, text]) => `(name = "${key}", text = ${JSON.stringify(text)})`,
    );
    return `(name = "${name}", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      compatibilityFlags = ${JSON.stringify(COMPATIBILITY_FLAGS)},
      bindings = [${[...texts, DATABASE_BINDING].join(', ')}],
    ))`;
  });
  const sockets = ['d1', ...settings.keys()].map(
    (name) => `(name = "${name}", address = "127.0.0.1:0", http = (), service = "${name}")`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ${JSON.stringify(v8Flags)},
  services = [
    ${services.join(',\n    ')},
    (name = "d1", worker = (modules = [(name = "d1.js", esModule = embed "d1.js")], compatibilityDate = "${COMPATIBILITY_DATE}")),
  ],
  sockets = [${sockets.join(', ')}],
);
`;
}

async function waitForPorts(
  child: ChildProcess,
  count: number,
): Promise<ReadonlyMap<string, number>> {
  const ports = new Map<string, number>();
  const control = child.stdio[3];
  if (!control || !('read' in control)) throw new Error('workerd has no control channel');
  for await (const line of createInterface({ input: control })) {
    const message = JSON.parse(line);
    if (message.event === 'listen') ports.set(message.socket, message.port);
    if (ports.size === count) return ports;
  }
  throw new Error('workerd ended before it listened');
}

/** Returns the CPU time of all threads, in nanoseconds (Linux: proc(5), schedstat). */
export function readCpu({ pid }: Pick<ChildProcess, 'pid'>): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks)
    .map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, nanoseconds) => sum + nanoseconds, 0);
}
