/** The processes that the bench starts: however it ends, by Ctrl-C too, none of them is left behind. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) child.kill();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Keeps in mind a process that has been started. */
export function mind<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  child.kill();
  if (running.has(child)) await once(child, 'close');
}
