/** Ends the bench's child processes when the bench ends, also after an error or a signal. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Map<ChildProcess, NodeJS.Signals>();

process.once('exit', () => {
  for (const [child, signal] of running) child.kill(signal);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Sends `signal` to `child` if the bench ends first. */
export function register<T extends ChildProcess>(child: T, signal: NodeJS.Signals = 'SIGTERM'): T {
  running.set(child, signal);
  child.once('close', () => running.delete(child));
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  child.kill();
  if (running.has(child)) await once(child, 'close');
}
