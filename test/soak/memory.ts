/** Measures the resident memory of workerd on Linux (VmRSS, proc(5)). */
import { readdirSync, readFileSync } from 'node:fs';

const field = (status: string, name: string) =>
  new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';

type Process = {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly rssKiB: number;
};

function readProcesses(): Process[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const [parent, rssKiB] = [Number(field(status, 'PPid')), Number(field(status, 'VmRSS'))];
      return [{ pid: Number(pid), parent, name: field(status, 'Name'), rssKiB }];
    } catch {
      // The process has ended since its folder was listed.
      return [];
    }
  });
}

/** Lists the workerd processes that this process or its child processes started. */
export function readWorkerd(): Process[] {
  const all = readProcesses();
  const below = (pid: number): Process[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...below(child.pid)]);
  return below(process.pid).filter(({ name }) => name === 'workerd');
}

const MIB_PER_KIB = 1 / 1024;

type Memory = {
  /** Returns the memory of workerd in MiB. If `isWarm` is true, `growth` uses the result. */
  readonly sample: (isWarm: boolean) => number;
  /** Returns medians of the first and last samples in MiB, or undefined if there are too few. */
  readonly growth: () => Growth | undefined;
};

export type Growth = { readonly baseline: number; readonly end: number };

const SAMPLES_MIN = 12;

export function watchMemory(): Memory {
  const samples: number[] = [];
  return {
    sample: (isWarm) => {
      const sampled = readWorkerd().reduce((sum, { rssKiB }) => sum + rssKiB, 0) * MIB_PER_KIB;
      if (isWarm) samples.push(sampled);
      return sampled;
    },
    growth: () => {
      if (samples.length < SAMPLES_MIN) return undefined;
      const quarter = Math.floor(samples.length / 4);
      return {
        baseline: computeMedian(samples.slice(0, quarter)),
        end: computeMedian(samples.slice(-quarter)),
      };
    },
  };
}

const computeMedian = (samples: number[]) =>
  samples.sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN;
