/**
 * workerd is killed (SIGKILL) while callers write, and started again on the same files, again and
 * again. After each start comes an audit, before anybody writes; then each caller whose request was
 * cut off sends it again. It shows what a crash of the process does, and nothing about power
 * failures: what SQLite gave to the kernel outlives the process.
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
import { seeded } from './random.ts';
import { build, type Label, startServer, storeOf } from './server.ts';
import { createSecret, createTokens } from './tokens.ts';
import { createWorld } from './world.ts';
import { type Audited, createWriters, WRITERS } from './writers.ts';

/** Measured on two cores: 37 at a load average of 4, 150 at 14. More is a program that hangs. */
export const CRASH_MAX_SECONDS = 240;
const KILLS = 10;
/** How long they write before a kill. */
const WRITING_MIN_MS = 150;
const WRITING_MAX_MS = 1150;

export type Crashes = {
  /** As the last audit found it. */
  readonly last: Audited;
  readonly requests: ReadonlyMap<string, number>;
  readonly kills: number;
  /** Writes that ended by a reset connection. */
  readonly cutOff: number;
  /** Updates of evaluations among them that were stored. */
  readonly stored: number;
};

/** @throws {Error} where workerd does not start, or the audit cannot read. */
export async function crash(
  folder: string,
  seed: number,
  label: Label,
  all: Findings,
): Promise<Crashes> {
  mkdirSync(folder);
  const secret = createSecret();
  const worker = build(folder, 'src/index.ts', { JWT_SECRET: secret, LINK_SECRET: createSecret() });
  let server = await startServer(worker, label);
  const judge = await fetchJudge(server.url);
  const findings = { ...createFindings(), violate: onceEach(all) };
  const createCallerNow = () => createCaller(server.url, WRITERS, findings, judge);
  let caller = createCallerNow();
  const lasting = createLastingCaller(caller);
  const tokens = await createTokens(secret, CRASH_MAX_SECONDS);
  const writers = await createWriters(
    createWorld({ caller: lasting, findings, random: seeded(seed), tokens, label }),
  );

  const counts = { kills: 0, cutOff: 0, stored: 0 };
  // A seed of their own: what the writers draw depends on how fast they are answered.
  const moments = seeded(seed);
  try {
    while (counts.kills < KILLS) {
      const moment = WRITING_MIN_MS + moments.below(WRITING_MAX_MS - WRITING_MIN_MS);
      await pause(moment);
      killWorkerd();
      // At once, so that Miniflare does not start workerd by itself.
      const stopped = server.stop();
      const cutOff = await lasting.goDown();
      await stopped;
      caller.close();
      // One that came between writes is not counted.
      if (cutOff > 0) counts.kills += 1;
      counts.cutOff += cutOff;
      for (const problem of checkFiles(folder)) findings.violate('integrity_check', problem);

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
  caller.close();
  await server.stop();
  return { ...counts, last, requests: findings.requests };
}

/** What one audit finds the next one finds again. */
function onceEach({ violate }: Findings): Findings['violate'] {
  const told = new Set<string>();
  return (rule, sentence) => {
    if (!told.has(sentence)) violate(rule, sentence);
    told.add(sentence);
  };
}

/** By its process id, which is that of the only workerd that this process has started. */
function killWorkerd(): void {
  const [workerd, ...others] = readWorkerd();
  if (!workerd || others.length > 0)
    throw new Error(`There are ${others.length + (workerd ? 1 : 0)} of workerd.`);
  process.kill(workerd.pid, 'SIGKILL');
}

/**
 * What SQLite finds wrong with a copy of the files as the kill left them: opened, they would be
 * repaired.
 */
function checkFiles(folder: string): string[] {
  const [store, copy] = [storeOf(folder), mkdtempSync(join(folder, 'copy-'))];
  const files = readdirSync(store, { recursive: true, encoding: 'utf8' });
  const [database, ...others] = files.filter(
    (file) => file.endsWith('.sqlite') && !file.endsWith('metadata.sqlite'),
  );
  if (database === undefined || others.length > 0)
    throw new Error(`There is not one database among ${files}.`);
  for (const file of [database, `${database}-wal`].filter((name) => files.includes(name))) {
    copyFileSync(join(store, file), join(copy, basename(file)));
  }
  const db = new DatabaseSync(join(copy, basename(database)));
  try {
    const found = db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => String(row['integrity_check']));
    return found.filter((problem) => problem !== 'ok');
  } finally {
    db.close();
  }
}
