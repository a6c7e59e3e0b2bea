/**
 * Runs the commands of a test, each in its own process group. A test can kill a command together
 * with its child processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeEach } from 'vitest';

export type Place = { readonly cwd: string; readonly env: NodeJS.ProcessEnv };
export type Ended = {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
};
export type Child = {
  readonly pid: number;
  readonly stdout: () => string;
  /**
   * Resolves when the standard output matches the pattern.
   * @throws {Error} with all output if the command ends without a match
   */
  readonly waitForOutput: (pattern: RegExp) => Promise<void>;
  /** Sends a signal to the command and its child processes, as a terminal does on Ctrl-C. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves when the command has ended, even if its child processes still run. */
  readonly exited: Promise<number | null>;
  /** Resolves when the command and all child processes have closed their output. */
  readonly closed: Promise<Ended>;
};

let transcript = '';
beforeEach(({ onTestFailed }) => {
  transcript = '';
  onTestFailed(() => console.error(transcript));
});

const running = new Set<Child>();

export function startChild({ cwd, env }: Place, command: string, ...args: string[]): Child {
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child.on('error', () => undefined);
  if (pid === undefined) throw new Error(`${command} cannot be started`);
  const texts = { stdout: '', stderr: '' };
  transcript += `\n$ ${[command, ...args].join(' ')}\n`;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] += chunk;
      transcript += chunk;
    });
  }
  const exited = once(child, 'exit').then(([status]): number | null => status);
  const closed = once(child, 'close').then(([status]): Ended => ({ status, ...texts }));
  const started: Child = {
    pid,
    stdout: () => texts.stdout,
    async waitForOutput(pattern) {
      const ended = exited.then((status) => {
        throw new Error(`${command} ended with ${status}:\n${texts.stdout}${texts.stderr}`);
      });
      const matched = new Promise<void>((resolve) => {
        const check = () => pattern.test(texts.stdout) && resolve();
        child.stdout?.on('data', check);
        check();
      });
      await Promise.race([matched, ended]);
    },
    signal(signal) {
      try {
        process.kill(-pid, signal);
      } catch {
        // `process.kill` throws if the command and its child processes have ended.
      }
    },
    exited,
    closed,
  };
  running.add(started);
  void closed.finally(() => running.delete(started));
  return started;
}

/** Runs a command until it ends, then kills the child processes that it left behind. */
export async function run(place: Place, command: string, ...args: string[]): Promise<Ended> {
  const child = startChild(place, command, ...args);
  await child.exited;
  child.signal('SIGKILL');
  return child.closed;
}

export async function killChildren(): Promise<void> {
  const children = [...running];
  for (const { signal } of children) signal('SIGKILL');
  await Promise.all(children.map(({ closed }) => closed));
}

// Ctrl-C stops only this process, so this process must kill the commands.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    for (const { signal } of running) signal('SIGKILL');
    process.kill(process.pid, name);
  });
}
