/**
 * Compares all stored evaluations and histories with the ledgers (ledger.ts). Nobody may write
 * during the audit.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ReplacedRow, RunEvaluation } from '../../src/evaluation/read.ts';
import type { Answer, Call } from './caller.ts';
import { type Ledger, readVersion, type Version } from './ledger.ts';
import { buildHeaders, buildPath, pickAuthor, type World } from './world.ts';

/** The audit repeats a request for longer than an outage of D1 lasts (faults.ts). */
const ROUNDS_MAX = 20;
const ROUND_MS = 200;

export type Tally = Record<
  | 'evaluations'
  | 'deleted'
  | 'recreated'
  | 'acknowledged'
  | 'in rows'
  | 'in history'
  | 'uncertain'
  | 'uncertain, stored'
  | 'under way, stored'
  | 'versions shown',
  number
>;

/**
 * Adds a violation for each difference between a stored evaluation and its ledger.
 * @throws {Error} if an evaluation or its history cannot be read
 */
export async function audit(world: World, connections: number): Promise<Tally> {
  const tally = {
    evaluations: 0,
    deleted: 0,
    recreated: 0,
    acknowledged: 0,
    'in rows': 0,
    'in history': 0,
    uncertain: 0,
    'uncertain, stored': 0,
    'under way, stored': 0,
    'versions shown': 0,
  };
  const stored = new Map<string, RunEvaluation>();
  for (const run of world.runs) {
    for (const row of await readAll<RunEvaluation>(
      world,
      run.account,
      `/v1/run/${run.id}/evaluations?limit=500`,
    ))
      stored.set(row.id, row);
  }
  const ledgers = new Map(world.runs.flatMap(({ ledgers }) => [...ledgers]));
  const violate = (sentence: string) => world.findings.violate('audit', sentence);
  for (const id of stored.keys())
    if (!ledgers.has(id)) violate(`evaluation ${id} is stored, and nobody created it`);

  const left = [...ledgers.values()];
  const work = async () => {
    for (let ledger = left.pop(); ledger; ledger = left.pop()) {
      const row = stored.get(ledger.id);
      if (ledger.deletion === 'acknowledged') tally.deleted += 1;
      if (ledger.deletion === 'acknowledged' && row)
        violate(`evaluation ${ledger.id} was deleted and is stored`);
      if (ledger.isRecreated && row) tally.recreated += 1;
      if (row) compare(ledger, await readVersions(world, ledger, row), tally, violate);
      else if (ledger.deletion !== 'none') await confirmGone(world, ledger, violate);
      else if (ledger.created_at !== undefined)
        violate(`evaluation ${ledger.id} was acknowledged and is not stored`);
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  return tally;
}

async function confirmGone(world: World, ledger: Ledger, violate: (sentence: string) => void) {
  const headers = await buildHeaders(world, pickAuthor(world), ledger.account);
  for (const path of [buildPath(ledger), `${buildPath(ledger)}/history`]) {
    const call = { kind: 'audit', method: 'GET', path, headers };
    const { status } = await callInAudit(world.caller, call);
    if (status !== 404) violate(`${path} was deleted and answers ${status}`);
  }
}

export async function readAll<Entry>(
  world: World,
  account: string,
  first: string,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let path: string | undefined = first; path !== undefined; ) {
    const answer = await readPage(world, account, path);
    entries.push(...(answer.body as Entry[]));
    path = /^<([^>]+)>/.exec(String(answer.headers['link'] ?? ''))?.[1];
  }
  return entries;
}

async function readPage(world: World, account: string, path: string): Promise<Answer> {
  const headers = await buildHeaders(world, pickAuthor(world), account);
  const answer = await callInAudit(world.caller, { kind: 'audit', method: 'GET', path, headers });
  if (answer.status === 200) return answer;
  throw new Error(`The audit could not read ${path}: ${answer.status} ${answer.text}`);
}

/** Sends a request until the status is not 503, but at most ROUNDS_MAX times. */
export async function callInAudit(caller: World['caller'], call: Call): Promise<Answer> {
  for (let rounds = 1; ; rounds += 1) {
    const { answer } = await caller.call(call);
    if (answer.status !== 503 || rounds === ROUNDS_MAX) return answer;
    await pause(ROUND_MS);
  }
}

type Replaced = Version & { readonly next?: { readonly by: string | null; readonly at: string } };

/** Reads an evaluation's versions, oldest first. `next` is the change that replaced a version. */
async function readVersions(world: World, ledger: Ledger, row: RunEvaluation): Promise<Replaced[]> {
  const history = await readAll<ReplacedRow>(
    world,
    ledger.account,
    `${buildPath(ledger)}/history?limit=500`,
  );
  const replaced = history.reverse().map((entry) => ({
    ...{ value: entry.value, by: entry.updated_by, at: entry.updated_at },
    next: { by: entry.replaced_by, at: entry.replaced_at },
  }));
  return [...replaced, readVersion(row)];
}

const describeVersion = ({ value, by, at }: Version) => `${value} of ${by} at ${at}`;

function compare(
  ledger: Ledger,
  versions: Replaced[],
  tally: Tally,
  violate: (sentence: string) => void,
): void {
  const fail = (sentence: string) => violate(`evaluation ${ledger.id}: ${sentence}`);
  const stored = new Map(versions.map((version) => [describeVersion(version), version]));
  tally.evaluations += 1;
  tally['versions shown'] += ledger.shown.length;

  const [first] = versions;
  if (first?.value !== ledger.created.value || first.by !== ledger.created.author) {
    fail(
      `it was created as ${JSON.stringify(ledger.created)}, and begins with ${JSON.stringify(first)}`,
    );
  }
  versions.forEach((version, index) => {
    const before = versions[index - 1];
    if (!before) return;
    const broken =
      before.next?.at !== version.at || before.next.by !== version.by || before.at >= version.at;
    if (broken)
      fail(`the history breaks between ${describeVersion(before)} and ${describeVersion(version)}`);
    const expected = ledger.replaced.get(version.at);
    if (expected !== undefined && expected !== before.at) {
      fail(
        `${describeVersion(version)} was to replace ${expected} only, and replaced ${describeVersion(before)}`,
      );
    }
  });
  for (const version of ledger.shown)
    if (!stored.has(describeVersion(version)))
      fail(`${describeVersion(version)} was shown, and is gone`);

  const counts = new Map<number, number>();
  for (const version of versions.slice(1)) {
    counts.set(version.value, (counts.get(version.value) ?? 0) + 1);
    if (ledger.sent.get(version.value)?.author !== version.by)
      fail(`${describeVersion(version)} is stored, and was never sent`);
  }
  for (const [value, { author, hasKey, isUnderWay, uncertain, acknowledged }] of ledger.sent) {
    for (const at of acknowledged) {
      tally.acknowledged += 1;
      const found = stored.get(describeVersion({ value, by: author, at }));
      if (!found)
        fail(
          `${describeVersion({ value, by: author, at })} was acknowledged, and is neither in the row nor in the history`,
        );
      else tally[found.next ? 'in history' : 'in rows'] += 1;
    }
    const count = counts.get(value) ?? 0;
    const inDoubt = uncertain + Number(isUnderWay);
    if (count > (hasKey ? 1 : acknowledged.size + inDoubt)) {
      const key = hasKey ? ' with one Idempotency-Key' : '';
      fail(
        `${value} is stored ${count} times, acknowledged ${acknowledged.size} and in doubt ${inDoubt} times${key}`,
      );
    }
    if (isUnderWay) {
      if (count > acknowledged.size) tally['under way, stored'] += 1;
    } else if (uncertain > 0 && acknowledged.size === 0) {
      tally.uncertain += 1;
      if (count > 0) tally['uncertain, stored'] += 1;
    }
  }
}
