/**
 * When the bench ends, ends all processes that the bench has started. The bench may end normally,
 * with an error, or because of SIGINT or SIGTERM.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Map<ChildProcess, NodeJS.Signals>();

process.once('exit', () => {
  for (const [child, signal] of running) child.kill(signal);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/**
 * Adds a process to the list of running processes. If the bench ends before this process, the
 * process receives `signal`.
 */
export function register<T extends ChildProcess>(child: T, signal: NodeJS.Signals = 'SIGTERM'): T {
  running.set(child, signal);
  child.once('close', () => running.delete(child));
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  child.kill();
  if (running.has(child)) await once(child, 'close');
}
