/**
 * Starts one workerd process for one Worker, and reads the CPU time of the process. The process
 * runs the Worker several times: once for each group of settings, such as HS256. Each group has its
 * own port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { register, stop } from './children.ts';
import { createStandIn } from './stand-in.ts';
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS } from './workers.ts';

/**
 * The path of the workerd program that wrangler installs. The bench does not start the command
 * `workerd` in node_modules/.bin: this command is a Node program that starts workerd, so its
 * process id would not be workerd's.
 */
const { default: WORKERD } = createRequire(import.meta.url)('workerd');

export type Workerd = {
  /**
   * Maps each name in `settings` (the parameter of `startWorkerd`) to the port of the Worker with
   * these settings. Maps `d1` to the port of the stand-in for D1.
   */
  readonly ports: ReadonlyMap<string, number>;
  readonly pid: number;
  /** Returns the CPU time of all threads so far, in nanoseconds. */
  readonly cpu: () => number;
  readonly stop: () => Promise<void>;
};

type Settings = { readonly [name: string]: string };

type Options = {
  /** A command that starts workerd, such as valgrind with its options. */
  readonly under?: readonly string[];
  /** The time that the stand-in for D1 waits before each answer, in milliseconds; 0 by default. */
  readonly roundTripMs?: number;
  readonly v8Flags?: readonly string[];
};

/**
 * Starts workerd. `folder` contains the bundle, index.js, and this function writes other files into
 * the folder. `settings` maps a name, such as `HS256`, to environment variables of the Worker.
 */
export async function startWorkerd(
  folder: string,
  settings: ReadonlyMap<string, Settings>,
  { under = [], roundTripMs = 0, v8Flags = [] }: Options = {},
): Promise<Workerd> {
  writeFileSync(join(folder, 'd1.js'), createStandIn(roundTripMs));
  writeFileSync(join(folder, 'config.capnp'), createConfig(settings, v8Flags));
  const [command = '', ...args] = [...under, WORKERD, 'serve', '--experimental', '--control-fd=3'];
  // The Worker writes its log, as in production, so the measured CPU time includes the cost of
  // logging. Nobody reads this log.
  const stdio = ['ignore', 'ignore', 'inherit', 'pipe'] as const;
  // If the bench fails or is interrupted, it ends workerd with SIGKILL, because valgrind can miss a
  // SIGTERM while it writes a count.
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

/** The D1 binding that is built into workerd. It sends its requests to the stand-in. */
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

/**
 * Returns the user and system time of all threads so far, in nanoseconds (Linux: proc(5),
 * schedstat).
 */
export function readCpu({ pid }: Pick<ChildProcess, 'pid'>): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks)
    .map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, nanoseconds) => sum + nanoseconds, 0);
}
