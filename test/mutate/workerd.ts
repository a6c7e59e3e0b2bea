/**
 * vitest in a process of its own, with one workerd, that works on one job after another: started when the first job comes,
 * killed and started again if a job does not end, and now and then for its memory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Job, Result } from './job.ts';
import { root } from './mutants.ts';

const START_MAX_MS = 240_000;
const JOBS_MAX_COUNT = 1500;

export class JobError extends Error {}

export type Workerd = {
  /** @throws {JobError} if it did not end in time, or if vitest ended. */
  readonly run: (job: Job, maxMs: number) => Promise<Result>;
  /** The next job starts in a new one. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

export async function createWorkerd(): Promise<Workerd> {
  let child: ChildProcess | undefined;
  let jobs = 0;
  /** The runner, waiting for a job. */
  let waiting: ServerResponse | undefined;
  let onReady: (() => void) | undefined;
  let onResult: ((result: Result) => void) | undefined;
  let onEnd: ((error: JobError) => void) | undefined;
  let output = '';

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const result: Result | null = JSON.parse(body);
    waiting = response;
    if (result) onResult?.(result);
    else onReady?.();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    run: async (job, maxMs) => {
      if (jobs >= JOBS_MAX_COUNT) await stop();
      if (!child) await start();
      jobs += 1;
      return inTime(maxMs, (resolve) => {
        onResult = resolve;
        waiting?.end(JSON.stringify(job));
      });
    },
    restart: () => stop(),
    stop: async () => {
      await stop();
      server.close();
      server.closeAllConnections();
    },
  };

  async function inTime<T>(maxMs: number, work: (resolve: (value: T) => void) => void): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        onEnd = reject;
        timer = setTimeout(() => reject(new JobError(`did not end within ${maxMs} ms`)), maxMs);
        work(resolve);
      });
    } catch (thrown) {
      await stop();
      throw thrown;
    } finally {
      clearTimeout(timer);
      onEnd = undefined;
    }
  }

  async function start(): Promise<void> {
    output = '';
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/mutate/vitest.config.ts'];
    const env = { ...process.env, MUTATE_URL: `http://127.0.0.1:${port}/` };
    // A group of its own, so that workerd ends with it.
    const started = spawn(process.execPath, args, {
      cwd: root,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk) => (output = `${output}${chunk}`.slice(-4000)));
    started.on('exit', () => {
      if (child === started) child = undefined;
      onEnd?.(new JobError(`vitest ended: ${output}`));
    });
    child = started;
    jobs = 0;
    await inTime<void>(START_MAX_MS, (resolve) => {
      onReady = resolve;
    });
  }

  async function stop(): Promise<void> {
    const { pid } = child ?? {};
    if (!child || pid === undefined) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    onEnd = undefined;
    process.kill(-pid, 'SIGKILL');
    await ended;
    child = undefined;
  }
}
