/** Implements `npm run simulate` (test/README.md, The simulation). */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { program } from '../../src/cli/program.ts';
import { startThread } from './thread.ts';

const HELP = `Runs the Worker's operations on a simulated network with simulated clocks, and compares responses with stored rows.
If a run breaks a promise, prints its seed and the requests around the fault, and exits with 1.

  npm run simulate -- [options]

  --operations N  send at least N requests (1,000,000)
  --seconds N     run for N seconds instead
  --seed N        repeat this run exactly; with --operations, start with this seed and count up
  --help          print this text`;

const OPERATIONS = 1_000_000;
/** The upper limit of random seeds, so that they are short enough to type. */
const RANDOM_SEED_MAX = 2 ** 31;

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

await program(
  HELP,
  { operations: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string' } },
  async (options) => {
    const seed = readNumber('seed', options.seed);
    if (seed !== undefined && options.operations === undefined) return replay(seed);
    const seconds = readNumber('seconds', options.seconds);
    const operations = readNumber('operations', options.operations) ?? OPERATIONS;
    return simulate(seed ?? randomInt(RANDOM_SEED_MAX), (done, elapsed) =>
      seconds === undefined ? done >= operations : elapsed >= seconds,
    );
  },
);

async function replay(seed: number): Promise<void> {
  const thread = startThread();
  const { digest, text, operations } = await thread.run({ seed });
  await thread.stop();
  if (text !== undefined) throw new Error(text);
  console.log(`seed ${seed}: ${number.format(operations)} operations, digest ${digest}, no fault`);
}

/**
 * Runs the seeds `first`, `first + 1` and so on, with one thread for each CPU core.
 * @param isOver receives the number of requests so far and the elapsed seconds.
 * @throws {Error} that describes the first fault.
 */
async function simulate(
  first: number,
  isOver: (done: number, elapsed: number) => boolean,
): Promise<void> {
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const cores = availableParallelism();
  let [next, done] = [first, 0];
  let fault: string | undefined;
  const runSeeds = async () => {
    const thread = startThread();
    while (fault === undefined && !isOver(done, elapsed())) {
      const seed = next;
      next += 1;
      const { operations, text } = await thread.run({ seed });
      done += operations;
      fault ??= text;
    }
    await thread.stop();
  };
  await Promise.all(Array.from({ length: cores }, runSeeds));
  if (fault !== undefined) throw new Error(fault);
  const rate = number.format((done / elapsed() / cores) * 60);
  console.log(
    `${number.format(done)} operations from seed ${first} on, in ${number.format(elapsed())} s: no fault; ${rate} a minute on each of ${cores} cores`,
  );
}

function readNumber(name: string, text: string | undefined): number | undefined {
  const value = Number(text);
  if (text === undefined || (Number.isSafeInteger(value) && value >= 0))
    return text === undefined ? undefined : value;
  throw new Error(`--${name} ${text} is not a whole number of 0 or more.`);
}
