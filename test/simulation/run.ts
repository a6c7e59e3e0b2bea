/**
 * One run: some thousand requests of some callers at a few evaluations, from a seed. Two accounts
 * have evaluations with the same ids. In two runs of three, one account lives in an object: from the
 * start, or from the middle on, and then each edge learns of that at another time.
 */

import { objectStore } from '../../src/db/account-object.ts';
import type { Store } from '../../src/db/connection.ts';
import { d1Store } from '../../src/db/d1.ts';
import { MIGRATIONS } from '../../src/db/migrations.generated.ts';
import { deriveId } from '../../src/db/write.ts';
import { type AccountId, SHARED_ACCOUNT } from '../../src/principal.ts';
import { createRandom, type Random } from '../soak/random.ts';
import { check, type Finding } from './check.ts';
import { createChooser } from './choose.ts';
import { createD1 } from './d1.ts';
import { type Alter, createDatabase } from './database.ts';
import { createNetwork } from './network.ts';
import { createObjects } from './objects.ts';
import { perform } from './perform.ts';
import { createTimeline, type Timeline } from './timeline.ts';
import {
  createLabels,
  type Intent,
  type Label,
  MOVER,
  type Request,
  START,
  STAYER,
  type Target,
} from './world.ts';

export const RUN_OPERATIONS = 3000;
const CALLERS = 8;
const PAUSE_MAX_MS = 40;
const EDGES = [0, 1, 2, 3];
const SKEW_MAX_MS = 5000;
const SKEW_LASTS_MS = 3000;
const LIFE_OF_OBJECT_MS = 2000;
/** The edges learn within this time that an account has moved. */
const DEPLOYMENT_MS = 2000;

export type Result = {
  readonly operations: number;
  /** Differs if anything in the run does: a response, its time, a stored value. */
  readonly digest: string;
  readonly findings: readonly Finding[];
};

/** @param enter makes the globals belong to the run's world */
export async function run(
  seed: number,
  enter: (world: { timeline: Timeline; random: Random }) => void,
  alter: Alter = (sql) => sql,
): Promise<Result> {
  const timeline = createTimeline(START);
  const random = createRandom(seed);
  enter({ timeline, random });
  const network = createNetwork(timeline, random);
  const database = createDatabase(timeline, alter);
  for (const { sql } of MIGRATIONS) database.exec(sql);
  const d1 = createD1(database, network, { fates: [], arrivals: [] });
  const objects = createObjects(timeline, network, d1, alter);
  const { labels, targets } = await createTargets();
  for (const label of labels) if (label.owner === SHARED_ACCOUNT) storeShared(label);

  const edges = EDGES.map(() => ({ skew: 0, hasObjects: seed % 3 === 1 }));
  const choose = createChooser(random, targets);
  const requests: Request[] = [];
  for (let caller = 0; caller < CALLERS; caller += 1) void call(`caller-${caller}`);
  for (const edge of edges) turnClock(edge);
  if (seed % 3 !== 0) killObject();
  await timeline.run();

  const home = objects.databaseOf(MOVER);
  const stored = [...database.readAll(), ...(home?.readAll() ?? [])];
  return {
    operations: requests.length,
    digest: digestOf(requests, stored),
    findings: check(targets, labels, stored),
  };

  async function call(caller: string): Promise<void> {
    await timeline.sleep(random.below(PAUSE_MAX_MS));
    if (isOver()) return;
    await send(choose(caller, requests.length));
    return call(caller);
  }

  async function send(intent: Intent): Promise<void> {
    const number = requests.length;
    const index = random.pick(EDGES);
    const edge = edges[index] ?? { skew: 0, hasObjects: false };
    const clock = timeline.clockOf(() => edge.skew);
    const request: Request = {
      ...{ number, intent, edge: index, begin: timeline.now(), now: clock.now().toISOString() },
      ...{ calls: { fates: [], arrivals: [] }, end: Number.POSITIVE_INFINITY, outcome: undefined },
    };
    requests.push(request);
    const { target } = intent;
    const list = intent.operation.endsWith('label') ? target.label.requests : target.requests;
    list.push(request);
    await perform(request, storeOf(intent.target.account, edge.hasObjects, request), clock);
    request.end = timeline.now();
    learn(request);
  }

  function storeOf(account: AccountId, hasObjects: boolean, { calls }: Request): Store {
    return hasObjects && account === MOVER
      ? objectStore(objects.namespace(calls), account, '')
      : d1Store(createD1(database, network, calls), 'first-primary');
  }

  function isOver(): boolean {
    return requests.length >= RUN_OPERATIONS;
  }

  /** Sets an edge's clock now and then, also back. In the middle of a run it learns of the move. */
  function turnClock(edge: { skew: number; hasObjects: boolean }): void {
    if (isOver()) return;
    edge.skew = random.below(2 * SKEW_MAX_MS) - SKEW_MAX_MS;
    if (seed % 3 === 2 && requests.length > RUN_OPERATIONS / 2)
      timeline.after(random.below(DEPLOYMENT_MS), () => {
        edge.hasObjects = true;
      });
    timeline.after(random.below(SKEW_LASTS_MS), () => turnClock(edge));
  }

  function killObject(): void {
    if (isOver()) return;
    objects.kill(MOVER);
    timeline.after(random.below(LIFE_OF_OBJECT_MS), killObject);
  }

  async function createTargets(): Promise<{ labels: Label[]; targets: Target[] }> {
    const newId = () => crypto.randomUUID();
    const [shared] = createLabels(SHARED_ACCOUNT, newId);
    const run = newId();
    const ids = [newId(), newId(), newId(), newId()];
    const labels: Label[] = shared ? [shared] : [];
    const targets: Target[] = [];
    for (const account of [MOVER, STAYER]) {
      const own = createLabels(account, newId);
      labels.push(...own);
      const used = [shared, ...own];
      for (const [index, label] of used.entries()) {
        if (!label) continue;
        const none = { evaluator: undefined, run: undefined, evaluation: undefined };
        const creator = { account, subject: 'creator', link: undefined, keyId: undefined, ...none };
        const plain = { account, run, label, versions: [] };
        targets.push({ ...plain, id: ids[index] ?? '', key: undefined, links: [], requests: [] });
        const key = `key ${index}`;
        const id = await deriveId(creator, run, key);
        targets.push({ ...plain, id, key, versions: [], links: [], requests: [] });
      }
    }
    return { labels, targets };
  }

  function storeShared({ id, content }: Label): void {
    const { name, value_type, min_value, max_value } = content;
    const columns = 'account_id, id, name, value_type, min_value, max_value';
    const sql = `INSERT INTO evaluation_label (${columns}) VALUES (?, ?, ?, ?, ?, ?)`;
    database.change(sql, SHARED_ACCOUNT, id, name, value_type, min_value, max_value);
  }
}

/** Notes what callers know now. */
function learn({ intent, outcome, row }: Request): void {
  const { operation, target } = intent;
  const isGone = outcome === 'not_found' || (operation === 'delete' && outcome === 'ok');
  if (intent.isAstray) return;
  if (row) target.versions.push(row.updated_at ?? row.created_at);
  else if (isGone && !intent.link) target.versions = [];
}

/** FNV-1a over what happened. */
function digestOf(requests: readonly Request[], stored: readonly object[]): string {
  let hash = 0x811c9dc5;
  const add = (text: string) => {
    for (let index = 0; index < text.length; index += 1)
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  };
  for (const { number, end, outcome, row } of requests)
    add(`${number} ${end} ${outcome} ${row?.value} ${row?.updated_at}\n`);
  for (const one of stored) add(JSON.stringify(one));
  return (hash >>> 0).toString(16).padStart(8, '0');
}
