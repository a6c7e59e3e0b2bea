/**
 * Kills workerd (SIGKILL) while callers write, and starts it again on the same files, again and
 * again. After each start comes an audit, before anybody writes. Then each caller whose request was
 * cut off sends it again. The test shows the effect of a crash of the process, and not of a power
 * failure: what SQLite gave to the kernel outlives the process.
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
 * Measured on two cores with ten kills: 37 s at a load average of 4, 150 s at 14. A longer run of
 * 20 kills means a program that hangs.
 */
export const CRASH_MAX_SECONDS = 480;
const KILLS = 20;
/** How long callers write before a kill. */
const WRITING_MIN_MS = 150;
const WRITING_MAX_MS = 1150;
/** The test kills workerd at most this long after it begins to bring an account over. */
const BRINGING_MAX_MS = 400;

export type Crashes = {
  /** The rows as the last audit found them. */
  readonly last: Audited;
  readonly requests: ReadonlyMap<string, number>;
  readonly kills: number;
  /** Kills while an object was bringing an account over. */
  readonly midway: number;
  /** Writes that ended by a reset connection. */
  readonly cutOff: number;
  /** The writes among them that updated an evaluation and were stored. */
  readonly stored: number;
};

/**
 * Runs all kills and audits. @throws {Error} if workerd does not start, or the audit cannot read
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
  // The kills and the objects have seeds of their own: the writers draw more or less often,
  // depending on how fast the Worker answers them.
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
      // Bringing an account over only every second time makes the accounts last for most kills.
      if (counts.kills % 2 === 0) objects.bringOver();
      await pause(moments.below(BRINGING_MAX_MS));
      killWorkerd();
      // The stop follows immediately, so that Miniflare does not start workerd on its own.
      const stopped = server.stop();
      const cutOff = await lasting.goDown();
      await stopped;
      caller.close();
      // A kill that came between writes does not count.
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
      await lasting.goUp(caller);
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

/** Reports a violation once, although each later audit finds it again. */
function reportOnce({ violate }: Findings): Findings['violate'] {
  const told = new Set<string>();
  return (rule, sentence) => {
    if (!told.has(sentence)) violate(rule, sentence);
    told.add(sentence);
  };
}

/** Kills workerd by its process id. This process must have started only one workerd. */
function killWorkerd(): void {
  const [workerd, ...others] = readWorkerd();
  if (!workerd || others.length > 0)
    throw new Error(`There are ${others.length + (workerd ? 1 : 0)} of workerd.`);
  process.kill(workerd.pid, 'SIGKILL');
}

/**
 * Returns what SQLite finds wrong with a copy of the files as the kill left them. Opening the files
 * themselves would repair them. The copy of D1 also tells whether an object is bringing an account
 * over.
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
