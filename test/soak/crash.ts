/**
 * The crash test. It repeats these steps KILLS times:
 * 1. Callers write, and the test kills workerd (SIGKILL) at a random moment.
 * 2. The test starts workerd again on the same files.
 * 3. The audit reads everything, before any caller writes again.
 * 4. If the kill interrupted a request, the caller sends this request again.
 *
 * The test simulates the crash of a process, not a power failure. If SQLite has given data to the
 * kernel, the data survives a kill of the process.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { createCaller } from './caller.ts';
import { fetchJudge } from './document.ts';
import { createFindings, type Findings } from './findings.ts';
import { createLastingCaller } from './lasting-caller.ts';
import { readWorkerd } from './memory.ts';
import { auditD1, createObjects } from './objects.ts';
import { createRandom } from './random.ts';
import { build, type Label, startServer, storeOf } from './server.ts';
import { createSecret, createTokens } from './tokens.ts';
import { createWorld } from './world.ts';
import { type Audited, createWriters, WRITERS } from './writers.ts';

/**
 * The deadline of the crash test. On two cores, ten kills took 37 s at a load average of 4, and 150
 * s at a load average of 14. If 20 kills take longer than the deadline, something hangs.
 */
export const CRASH_MAX_SECONDS = 480;
const KILLS = 20;
/**
 * Before each kill, callers write for a random time between these two bounds. After that time, they
 * write for up to AFTER_MOVE_MAX_MS more.
 */
const WRITING_MIN_MS = 150;
const WRITING_MAX_MS = 1150;
/**
 * Before every second kill, an account starts to move from D1 into its Durable Object. The test
 * kills workerd at most this long after the start, so that the kill can interrupt the move.
 */
const AFTER_MOVE_MAX_MS = 400;

export type Crashes = {
  /** The result of the last audit, after all kills. */
  readonly last: Audited;
  readonly requests: ReadonlyMap<string, number>;
  readonly kills: number;
  /** The number of kills while an account was moving into its object. */
  readonly midway: number;
  /** The number of writes that lost their connection in a kill. */
  readonly cutOff: number;
  /**
   * The number of updates of evaluations that were stored, although a kill interrupted the request.
   */
  readonly stored: number;
};

/**
 * Runs the crash test. `folder` must not exist yet.
 * @throws {Error} if workerd does not start, or an audit cannot read an evaluation
 */
export async function crash(
  folder: string,
  seed: number,
  label: Label,
  all: Findings,
): Promise<Crashes> {
  mkdirSync(folder);
  const secret = createSecret();
  const worker = build(folder, 'test/soak/worker.ts', {
    JWT_SECRET: secret,
    LINK_SECRET: createSecret(),
  });
  let server = await startServer(worker, label);
  const judge = await fetchJudge(server.url);
  const findings = { ...createFindings(), violate: reportOnce(all) };
  // Two runs with the same seed must make the same pauses before the kills. The writers take random
  // numbers too, and timing decides how many. So the pauses (`moments`) and `objects` have random
  // generators of their own.
  const [moments, objects] = [createRandom(seed), createObjects(createRandom(seed))];
  const createCallerNow = () => createCaller(server.url, WRITERS, { findings, judge, objects });
  let caller = createCallerNow();
  const lasting = createLastingCaller(caller);
  const tokens = await createTokens(secret, CRASH_MAX_SECONDS);
  const writers = await createWriters(
    createWorld({ caller: lasting, findings, random: createRandom(seed), tokens, label }),
  );

  const counts = { kills: 0, midway: 0, cutOff: 0, stored: 0 };
  try {
    while (counts.kills < KILLS) {
      const moment = WRITING_MIN_MS + moments.below(WRITING_MAX_MS - WRITING_MIN_MS);
      await pause(moment);
      // There are more kills than accounts that can move. So an account starts to move only before
      // every second kill.
      if (counts.kills % 2 === 0) objects.moveNextAccount();
      await pause(moments.below(AFTER_MOVE_MAX_MS));
      killWorkerd();
      // Miniflare starts workerd again after a kill. To prevent this, stop Miniflare immediately.
      const stopped = server.stop();
      const cutOff = await lasting.stopSending();
      await stopped;
      caller.close();
      // A kill that interrupted no write proves nothing, so it does not count.
      if (cutOff > 0) counts.kills += 1;
      counts.cutOff += cutOff;
      const { problems, isMidway } = checkFiles(folder);
      for (const problem of problems) findings.violate('integrity_check', problem);
      if (isMidway) counts.midway += 1;

      server = await startServer(worker);
      caller = createCallerNow();
      const { tally } = await writers.audit(caller);
      counts.stored += tally['under way, stored'];
      const acknowledged = `${tally.acknowledged} acknowledged updates audited`;
      console.error(
        `kill ${counts.kills} after ${moment} ms: ${cutOff} writes cut off, ${acknowledged}`,
      );
      await lasting.resumeSending(caller);
    }
  } finally {
    writers.stop();
  }
  await writers.stopped;
  const last = await writers.audit(caller);
  await auditD1(server, objects, findings);
  caller.close();
  await server.stop();
  return { ...counts, last, requests: findings.requests };
}

/** Reports each violation once, because each audit finds the violations of earlier audits again. */
function reportOnce({ violate }: Findings): Findings['violate'] {
  const reported = new Set<string>();
  return (rule, sentence) => {
    if (!reported.has(sentence)) violate(rule, sentence);
    reported.add(sentence);
  };
}

/**
 * Kills the workerd process that this process has started.
 * @throws {Error} if this process has started no workerd, or more than one
 */
function killWorkerd(): void {
  const [workerd, ...others] = readWorkerd();
  if (!workerd || others.length > 0)
    throw new Error(`There are ${others.length + (workerd ? 1 : 0)} of workerd.`);
  process.kill(workerd.pid, 'SIGKILL');
}

/**
 * Checks the database files as the kill left them. Returns the problems that SQLite finds.
 * `isMidway` is true if the kill interrupted the move of an account into its object. The check
 * opens a copy of the files, because opening a database after a crash changes its files.
 */
function checkFiles(folder: string) {
  const [store, copy] = [storeOf(folder), mkdtempSync(join(folder, 'copy-'))];
  const files = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /^(d1|do)\b.*\.sqlite(-wal)?$/.test(file) && !file.includes('metadata.sqlite'),
  );
  for (const file of files) copyFileSync(join(store, file), join(copy, basename(file)));
  const problems: string[] = [];
  let isMidway = false;
  for (const file of files.filter((name) => name.endsWith('.sqlite'))) {
    const db = new DatabaseSync(join(copy, basename(file)));
    try {
      const found = db.prepare('PRAGMA integrity_check').all();
      problems.push(...found.map((row) => String(row['integrity_check'])));
      if (file.startsWith('d1')) isMidway = db.prepare(UNDER_WAY).all().length > 0;
    } finally {
      db.close();
    }
  }
  return { problems: problems.filter((problem) => problem !== 'ok'), isMidway };
}

const UNDER_WAY = 'SELECT 1 FROM account_object WHERE arrived_at IS NULL';
