/**
 * Runs the commands of a test. Each has a process group of its own, so that it ends with everything
 * that it started. The module keeps the output of a command, and shows it only if the test fails.
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
  /** Returns the text that the command has printed to its standard output so far. */
  readonly stdout: () => string;
  /**
   * Resolves once the output matches.
   * @throws {Error} with the output if the command ends before
   */
  readonly printed: (pattern: RegExp) => Promise<void>;
  /** Sends a signal to the whole process group, as a terminal does for Ctrl-C. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /**
   * Resolves with the status once the command itself has ended. A process that it started may still
   * run.
   */
  readonly exited: Promise<number | null>;
  /** Resolves once nothing can print any more. */
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
    async printed(pattern) {
      const ended = exited.then((status) => {
        throw new Error(`${command} ended with ${status}:\n${texts.stdout}${texts.stderr}`);
      });
      const matched = new Promise<void>((resolve) => {
        const look = () => pattern.test(texts.stdout) && resolve();
        child.stdout?.on('data', look);
        look();
      });
      await Promise.race([matched, ended]);
    },
    signal(signal) {
      try {
        process.kill(-pid, signal);
      } catch {
        // The whole group has ended.
      }
    },
    exited,
    closed,
  };
  running.add(started);
  void closed.finally(() => running.delete(started));
  return started;
}

/** Runs a command to its end. Kills the processes that the command left running. */
export async function run(place: Place, command: string, ...args: string[]): Promise<Ended> {
  const child = startChild(place, command, ...args);
  await child.exited;
  child.signal('SIGKILL');
  return child.closed;
}

/** Kills all commands that still run, with all processes that they started. */
export async function killChildren(): Promise<void> {
  const children = [...running];
  for (const { signal } of children) signal('SIGKILL');
  await Promise.all(children.map(({ closed }) => closed));
}

// A terminal's Ctrl-C reaches the test runner and not the commands, which have process groups of
// their own.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    for (const { signal } of running) signal('SIGKILL');
    process.kill(process.pid, name);
  });
}
