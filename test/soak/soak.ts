/**
 * Runs the parts of `npm run soak`: the write model, the crash test, and a mixed load with faults
 * of D1. Exits with 1 if the Worker broke a guarantee.
 */
import { spawnSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { audit } from './audit.ts';
import { createCaller } from './caller.ts';
import { CRASH_MAX_SECONDS, crash } from './crash.ts';
import { fetchJudge } from './document.ts';
import { createFindings } from './findings.ts';
import { applyLoad } from './load.ts';
import { readWorkerd, watchMemory } from './memory.ts';
import { auditD1, createObjects, MOVES_COUNT } from './objects.ts';
import { createRandom } from './random.ts';
import { writeCrashReport, writeReport, writeVerdict } from './report.ts';
import { build, type Server, startServer } from './server.ts';
import { createSecret, createTokens } from './tokens.ts';
import { createWorld } from './world.ts';

const HELP = `Soaks the Worker: the write model; callers that write while workerd is killed 20 times; mixed load, 5 % bad
input, a D1 that fails now and then; then an audit. Accounts are brought into objects all the while.

  npm run soak -- [options]

  --seconds N      how long the mixed load lasts (60)
  --connections N  how many requests are under way at a time (64)
  --seed N         chooses the same operations again
  --help           this text`;

/** A small heap makes V8 collect garbage often. Memory that still grows is a leak. */
const HEAP_MAX_MIB = 24;

/** The limit for growth after the warm-up. The measured growth is under 10 MiB. */
const GROWTH_MAX_MIB = 24;
const WARM_UP_REQUESTS = 4000;
/** The time limit for the start and the audit together, without the load. */
const AROUND_LOAD_MAX_SECONDS = 120;
const CLOSE_MAX_SECONDS = 10;
const MODEL_MAX_SECONDS = 900;
const PROGRESS_SECONDS = 5;

type Options = { readonly seconds: number; readonly connections: number; readonly seed: number };

const LABEL = { id: randomUUID(), min: 0, max: 1e12 };
const findings = createFindings();

async function soak(
  folder: string,
  options: Options,
  started: (server: Server) => void,
): Promise<void> {
  const { seconds, connections, seed } = options;
  const secret = createSecret();
  const server = await startServer(
    build(folder, 'test/soak/worker.ts', { JWT_SECRET: secret, D1_FAULTS: 'on' }),
    LABEL,
  );
  started(server);
  const tokens = await createTokens(secret, seconds + AROUND_LOAD_MAX_SECONDS);
  const objects = createObjects(createRandom(seed));
  const judge = await fetchJudge(server.url);
  const caller = createCaller(server.url, connections, { findings, judge, objects });
  const world = createWorld({ caller, findings, random: createRandom(seed), tokens, label: LABEL });

  const memory = watchMemory();
  let ticks = 0;
  const tick = () => {
    ticks += 1;
    const requests = [...findings.requests.values()].reduce((sum, count) => sum + count, 0);
    const resident = memory.sample(ticks > seconds / 3 && requests > WARM_UP_REQUESTS);
    if (ticks % PROGRESS_SECONDS !== 0) return;
    console.error(
      `${ticks} s: ${requests} requests, ${resident.toFixed(0)} MiB, ${violations()} violations`,
    );
  };
  const timers = [
    setInterval(tick, 1000),
    setInterval(objects.moveNextAccount, (seconds * 1000) / (MOVES_COUNT + 1)),
  ];
  const end = Date.now() + seconds * 1000;
  const bad = await applyLoad(world, connections, () => Date.now() > end).finally(() =>
    timers.map(clearInterval),
  );
  const loadSeconds = Math.round((Date.now() - end) / 1000) + seconds;
  const [faults, absorbed] = [await server.readFaults(), server.countAbsorbed()];
  const growth = memory.growth();
  const grown = growth && growth.end - growth.baseline;
  if (grown !== undefined && !(grown <= GROWTH_MAX_MIB)) {
    findings.violate(
      'memory',
      `workerd grew by ${grown.toFixed(0)} MiB, and may by ${GROWTH_MAX_MIB}`,
    );
  }
  const tally = await audit(world, connections);
  await auditD1(server, objects, findings);
  caller.close();
  const rest = {
    connections,
    seed,
    findings,
    faults,
    objects,
    absorbed,
    bad,
    tally,
    growth,
    growthMaxMiB: GROWTH_MAX_MIB,
  };
  console.log(writeReport({ seconds: loadSeconds, ...rest }));
}

const violations = () =>
  [...findings.violations.values()].reduce((sum, { length }) => sum + length, 0);

function runModel(seed: number): void {
  console.error('the write model: 1,000 runs');
  const args = [
    'run',
    '--config',
    'test/vitest.config.ts',
    '--project',
    'workerd',
    '--mode',
    'random',
  ];
  const { status } = spawnSync('vitest', [...args, 'test/write-model.test.ts'], {
    env: { ...process.env, SEED: String(seed) },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: MODEL_MAX_SECONDS * 1000,
  });
  if (status !== 0)
    findings.violate('the write model', `a run of seed ${seed} broke a promise, or did not end`);
}

/** Runs all parts of the soak, each with a deadline. Then exits with 0 (passed) or 1 (failed). */
async function run(options: Options): Promise<never> {
  const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-soak-'));
  // This handler also runs after Ctrl-C, because the signal handlers below call `process.exit`.
  process.once('exit', () => {
    for (const { pid } of readWorkerd()) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

  let server: Server | undefined;
  try {
    runModel(options.seed);
    // vitest, which ran the write model, needs a larger heap. So the heap is limited only now.
    Object.assign(process.env, { MINIFLARE_WORKERD_V8_FLAGS: `--max-heap-size=${HEAP_MAX_MIB}` });
    const crashes = crash(join(folder, 'crash'), options.seed, LABEL, findings);
    console.log(writeCrashReport(await withDeadline(CRASH_MAX_SECONDS, crashes)));
    const begin = (begun: Server) => (server = begun);
    await withDeadline(options.seconds + AROUND_LOAD_MAX_SECONDS, soak(folder, options, begin));
  } catch (thrown) {
    findings.violate('the end', thrown instanceof Error ? thrown.message : String(thrown));
    console.error(writeVerdict(findings));
  }
  await withDeadline(CLOSE_MAX_SECONDS, Promise.resolve(server?.stop())).catch(() => {});
  // Exits even if a connection or timer is still open.
  process.exit(violations() === 0 ? 0 : 1);
}

async function withDeadline<T>(seconds: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`It did not end within ${seconds} s.`)),
    seconds * 1000,
  );
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

function readNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(`--${name} ${text} is not a whole number of ${least} or more.`);
}

try {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      connections: { type: 'string', default: '64' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(HELP);
  else {
    const [seconds, connections] = [
      readNumber('seconds', values.seconds, 1),
      readNumber('connections', values.connections, 1),
    ];
    await run({ seconds, connections, seed: readNumber('seed', values.seed, 0) });
  }
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
