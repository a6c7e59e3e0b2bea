/**
 * `npm run simulate` runs the write model in a simulated world (test/README.md, The simulation).
 * Each run has a seed, and the seed alone decides what happens in the run.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { program } from '../../src/cli/program.ts';
import { startThread } from './thread.ts';

const HELP = `Runs the Worker's operations on a simulated network with simulated clocks, and compares what callers were told with
what is stored. If a run breaks a promise, prints its seed and the requests around the fault, and exits with 1.

  npm run simulate -- [options]

  --operations N  how many requests in all (1,000,000)
  --seconds N     how long instead
  --seed N        this one run again, exactly as it was; with --operations, the runs from this seed on
  --help          this text`;

const OPERATIONS = 1_000_000;
/** Chosen seeds are below this bound, so that they are short to type. */
const SEEDS = 2 ** 31;

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

await program(
  HELP,
  { operations: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string' } },
  async (options) => {
    const seed = readNumber('seed', options.seed);
    if (seed !== undefined && options.operations === undefined) return replay(seed);
    const seconds = readNumber('seconds', options.seconds);
    const operations = readNumber('operations', options.operations) ?? OPERATIONS;
    return simulate(seed ?? randomInt(SEEDS), (done, elapsed) =>
      seconds === undefined ? done >= operations : elapsed >= seconds,
    );
  },
);

/** @throws {Error} with the description of a fault. */
async function replay(seed: number): Promise<void> {
  const thread = startThread();
  const { digest, text, operations } = await thread.run({ seed });
  await thread.stop();
  if (text !== undefined) throw new Error(text);
  console.log(`seed ${seed}: ${number.format(operations)} operations, digest ${digest}, no fault`);
}

/**
 * Runs the seeds from the first on, on all cores, until it is over.
 * @throws {Error} with the description of the first fault.
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

/** @throws {Error} if the text is no whole number. */
function readNumber(name: string, text: string | undefined): number | undefined {
  const value = Number(text);
  if (text === undefined || (Number.isSafeInteger(value) && value >= 0))
    return text === undefined ? undefined : value;
  throw new Error(`--${name} ${text} is not a whole number of 0 or more.`);
}
