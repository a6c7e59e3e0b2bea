/**
 * Kills workerd at random moments while callers write, and audits the stored data after each kill.
 * A kill imitates a crash of the process, not a power failure.
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
import { build, getStorePath, type Label, startServer } from './server.ts';
import { createSecret, createTokens } from './tokens.ts';
import { createWorld } from './world.ts';
import { type Audited, createWriters, WRITERS } from './writers.ts';

/** The time limit for the test. Ten kills took 150 s on two busy cores. */
export const CRASH_MAX_SECONDS = 480;
const KILLS = 20;
const WRITING_MIN_MS = 150;
const WRITING_MAX_MS = 1150;
/** The kill comes at most this long after an account starts to move into its object. */
const AFTER_MOVE_MAX_MS = 400;

export type Crashes = {
  readonly last: Audited;
  readonly requests: ReadonlyMap<string, number>;
  readonly kills: number;
  /** The number of kills while an account was moving into its object. */
  readonly midway: number;
  /** The number of writes that lost their connection in a kill. */
  readonly cutOff: number;
  /** The number of updates that were stored although a kill cut off their response. */
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
  // With their own generator, the pauses depend only on the seed, not on the writers.
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
      // Moves an account before every second kill, because there are fewer accounts than kills.
      if (counts.kills % 2 === 0) objects.moveNextAccount();
      await pause(moments.below(AFTER_MOVE_MAX_MS));
      killWorkerd();
      // Miniflare would start workerd again, so stop Miniflare immediately.
      const stopped = server.stop();
      const cutOff = await lasting.stopSending();
      await stopped;
      caller.close();
      // A kill counts only if it interrupted a write.
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

/** Reports each violation once, even if several audits find it. */
function reportOnce({ violate }: Findings): Findings['violate'] {
  const reported = new Set<string>();
  return (rule, sentence) => {
    if (!reported.has(sentence)) violate(rule, sentence);
    reported.add(sentence);
  };
}

function killWorkerd(): void {
  const [workerd, ...others] = readWorkerd();
  if (!workerd || others.length > 0)
    throw new Error(`There are ${others.length + (workerd ? 1 : 0)} of workerd.`);
  process.kill(workerd.pid, 'SIGKILL');
}

/** Checks copies of the database files, because opening a file after a crash changes it. */
function checkFiles(folder: string) {
  const [store, copy] = [getStorePath(folder), mkdtempSync(join(folder, 'copy-'))];
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
