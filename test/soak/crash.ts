/**
 * workerd is killed (SIGKILL) while callers write, and started again on the same files, again and again. After each start
 * comes an audit, before anybody writes; then each caller whose request was cut off sends it again. It shows what a crash of
 * the process does, and nothing about power failures: what SQLite gave to the kernel outlives the process.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { audit, type Tally } from './audit.ts';
import { createCaller } from './caller.ts';
import { fetchJudge } from './document.ts';
import { createFindings, type Findings } from './findings.ts';
import { createLabels } from './labels.ts';
import { createLastingCaller } from './lasting-caller.ts';
import { createLinks } from './links.ts';
import { createFirst, runLoops, weighted } from './load.ts';
import { readWorkerd } from './memory.ts';
import { seeded } from './random.ts';
import { build, type Label, startServer, storeOf } from './server.ts';
import { createSecret, createTokens } from './tokens.ts';
import { createWorld, type World } from './world.ts';
import { createEvaluation, updateEvaluation } from './writes.ts';

/** Measured: 37 to 100 on two cores with other work on them. More is a program that hangs. */
export const CRASH_MAX_SECONDS = 240;
const KILLS = 10;
const CONNECTIONS = 16;
/** How long they write before a kill. */
const WRITING_MIN_MS = 150;
const WRITING_MAX_MS = 1150;
/** Far more than fit into that time. */
const TURNS_MAX = 50_000;

export type Crashes = {
  kills: number;
  /** Writes that ended by a reset connection. */
  cutOff: number;
  /** Of them updates of evaluations, and how many of these were stored already. */
  updates: number;
  updatesStored: number;
  requests: ReadonlyMap<string, number>;
  /** As the last audit found it. */
  tally: Tally;
  revoked: number;
  labels: number;
};

/** @throws {Error} where workerd does not start, or the audit cannot read. */
export async function crash(folder: string, seed: number, label: Label, { violate }: Findings): Promise<Crashes> {
  mkdirSync(folder);
  const secret = createSecret();
  const worker = build(folder, 'src/index.ts', ['DB'], { JWT_SECRET: secret, LINK_SECRET: createSecret() });
  let server = await startServer(worker, label);
  const judge = await fetchJudge(server.url);
  const findings = { ...createFindings(), violate };
  const callerNow = () => createCaller(server.url, CONNECTIONS, findings, judge);
  let caller = callerNow();
  const lasting = createLastingCaller(caller);
  const tokens = await createTokens(secret, CRASH_MAX_SECONDS);
  const random = seeded(seed);
  const world = createWorld({ caller: lasting, findings, random, tokens, label });
  const [links, labels] = [createLinks(), createLabels()];
  const turns = turnsOf(links, labels);
  /** Past the lasting caller, whose callers wait meanwhile. */
  const auditAll = async () => {
    const given: World = { ...world, caller };
    const tally = await audit(given, CONNECTIONS);
    return { tally, revoked: await links.audit(given), labels: await labels.audit(given) };
  };

  await createFirst(world);
  const counts = { kills: 0, cutOff: 0, updates: 0, updatesStored: 0 };
  let left = TURNS_MAX;
  const turn = (given: World) => {
    left -= 1;
    return random.pick(turns)(given);
  };
  const loops = runLoops(world, CONNECTIONS, turn, () => left <= 0);
  // A seed of their own: what the callers draw depends on how fast they are answered.
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
      for (const problem of checkFiles(folder)) violate('integrity_check', problem);

      server = await startServer(worker);
      caller = callerNow();
      const { tally } = await auditAll();
      counts.updates += tally['under way'];
      counts.updatesStored += tally['under way, stored'];
      const acknowledged = `${tally.acknowledged} acknowledged updates audited`;
      console.error(`kill ${counts.kills} after ${moment} ms: ${cutOff} writes cut off, ${acknowledged}`);
      await lasting.goUp(caller);
    }
  } finally {
    left = 0;
  }
  await loops;
  const last = await auditAll();
  caller.close();
  await server.stop();
  return { ...counts, ...last, requests: findings.requests };
}

const turnsOf = (links: ReturnType<typeof createLinks>, labels: ReturnType<typeof createLabels>) =>
  weighted([
    [12, createEvaluation],
    [20, (world) => updateEvaluation(world, 'update')],
    [20, (world) => updateEvaluation(world, 'conditional update')],
    [20, (world) => updateEvaluation(world, 'update with a key')],
    [14, links.update],
    [4, links.make],
    [2, links.revoke],
    [2, labels.create],
    [6, labels.update],
  ]);

/** By its process id, which is that of the only workerd that this process has started. */
function killWorkerd(): void {
  const [workerd, ...others] = readWorkerd();
  if (!workerd || others.length > 0) throw new Error(`There are ${others.length + (workerd ? 1 : 0)} of workerd.`);
  process.kill(workerd.pid, 'SIGKILL');
}

/** What SQLite finds wrong with a copy of the files as the kill left them: opened, they would be repaired. */
function checkFiles(folder: string): string[] {
  const copy = mkdtempSync(join(folder, 'copy-'));
  const files = readdirSync(storeOf(folder), { recursive: true, encoding: 'utf8' });
  const [database, ...others] = files.filter((file) => file.endsWith('.sqlite') && !file.endsWith('metadata.sqlite'));
  if (database === undefined || others.length > 0) return [`${files.length} files, and not one database among them`];
  for (const file of files.filter((name) => name.startsWith(database) && !name.endsWith('-shm'))) {
    copyFileSync(join(storeOf(folder), file), join(copy, basename(file)));
  }
  const db = new DatabaseSync(join(copy, basename(database)));
  const found = db.prepare('PRAGMA integrity_check').all();
  db.close();
  return found.map((row) => String(row['integrity_check'])).filter((problem) => problem !== 'ok');
}
