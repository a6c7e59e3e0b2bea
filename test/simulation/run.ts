/**
 * Runs one seed: eight callers send 3,000 requests to two accounts, MOVER and STAYER. If `seed % 3`
 * is 0, MOVER's rows are in D1. If 1, the rows are in a Durable Object. If 2, the rows move from D1
 * into the object.
 */
import { objectStore } from '../../src/db/account-object.ts';
import type { Store } from '../../src/db/connection.ts';
import { d1Store } from '../../src/db/d1.ts';
import { MIGRATIONS } from '../../src/db/migrations.generated.ts';
import { deriveId } from '../../src/db/write.ts';
import { type AccountId, SHARED_ACCOUNT } from '../../src/principal.ts';
import { createRandom, type Random } from '../soak/random.ts';
import { checkRun } from './check.ts';
import { createChooser } from './choose.ts';
import { createD1 } from './d1.ts';
import { type Alteration, createDatabase } from './database.ts';
import { createNetwork } from './network.ts';
import { createObjects } from './objects.ts';
import { createPrincipal, performRequest } from './perform.ts';
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
const SKEW_DURATION_MAX_MS = 3000;
const OBJECT_LIFE_MAX_MS = 2000;
const MOVE_DELAY_MAX_MS = 2000;

/**
 * Runs a seed. `enterWorld` makes globals such as `Date` use the time and random numbers of this
 * run.
 */
export async function runSeed(
  seed: number,
  enterWorld: (world: { timeline: Timeline; random: Random }) => void,
  alterSql: Alteration = (sql) => sql,
) {
  const timeline = createTimeline(START);
  const random = createRandom(seed);
  enterWorld({ timeline, random });
  const network = createNetwork(timeline, random);
  const database = createDatabase(timeline, alterSql);
  for (const { sql } of MIGRATIONS) database.executeSql(sql);
  const d1 = createD1(database, network, { fates: [], arrivals: [] });
  const objects = createObjects(timeline, network, d1, alterSql);
  const { labels, targets } = await createTargets();
  for (const label of labels) if (label.owner === SHARED_ACCOUNT) storeShared(label);

  const edges = EDGES.map(() => ({ skew: 0, hasObjects: seed % 3 === 1 }));
  const chooseIntent = createChooser(random, targets);
  const requests: Request[] = [];
  for (let caller = 0; caller < CALLERS; caller += 1) void runCaller(`caller-${caller}`);
  for (const edge of edges) changeClock(edge);
  if (seed % 3 !== 0) killObject();
  await timeline.runEvents();

  const home = objects.findDatabase(MOVER);
  const stored = [...database.readStored(), ...(home?.readStored() ?? [])];
  database.close();
  objects.closeDatabases();
  return {
    operations: requests.length,
    digest: computeDigest(requests, stored),
    findings: checkRun(targets, labels, stored),
  };

  async function runCaller(caller: string): Promise<void> {
    await timeline.sleep(random.below(PAUSE_MAX_MS));
    if (isOver()) return;
    await sendRequest(chooseIntent(caller, requests.length));
    return runCaller(caller);
  }

  async function sendRequest(intent: Intent): Promise<void> {
    const number = requests.length;
    const index = random.pick(EDGES);
    const edge = edges[index] ?? { skew: 0, hasObjects: false };
    const clock = timeline.createClock(() => edge.skew);
    const request: Request = {
      ...{ number, intent, edge: index, begin: timeline.now(), now: clock.now().toISOString() },
      ...{ calls: { fates: [], arrivals: [] }, end: Number.POSITIVE_INFINITY, outcome: undefined },
    };
    requests.push(request);
    const { target } = intent;
    const list = intent.operation.endsWith('label') ? target.label.requests : target.requests;
    list.push(request);
    await performRequest(
      request,
      createStore(intent.target.account, edge.hasObjects, request),
      clock,
    );
    request.end = timeline.now();
    rememberVersion(request);
  }

  function createStore(account: AccountId, hasObjects: boolean, { calls }: Request): Store {
    return hasObjects && account === MOVER
      ? objectStore(objects.createNamespace(calls), account, '')
      : d1Store(createD1(database, network, calls), 'first-primary');
  }

  function isOver(): boolean {
    return requests.length >= RUN_OPERATIONS;
  }

  /**
   * Changes the clock of an edge at random times. If MOVER moves in this run, also switches the
   * edge from D1 to the object.
   */
  function changeClock(edge: { skew: number; hasObjects: boolean }): void {
    if (isOver()) return;
    edge.skew = random.below(2 * SKEW_MAX_MS) - SKEW_MAX_MS;
    if (seed % 3 === 2 && requests.length > RUN_OPERATIONS / 2)
      timeline.after(random.below(MOVE_DELAY_MAX_MS), () => {
        edge.hasObjects = true;
      });
    timeline.after(random.below(SKEW_DURATION_MAX_MS), () => changeClock(edge));
  }

  function killObject(): void {
    if (isOver()) return;
    objects.killObject(MOVER);
    timeline.after(random.below(OBJECT_LIFE_MAX_MS), killObject);
  }

  async function createTargets() {
    const newId = () => crypto.randomUUID();
    const shared = createLabels(SHARED_ACCOUNT, newId).slice(0, 1);
    const run = newId();
    const ids = [newId(), newId(), newId(), newId()];
    const labels = [...shared];
    const targets: Target[] = [];
    for (const account of [MOVER, STAYER]) {
      const own = createLabels(account, newId);
      labels.push(...own);
      for (const [index, label] of [...shared, ...own].entries()) {
        const add = (id: string, key: string | undefined) =>
          targets.push({ account, run, label, id, key, versions: [], links: [], requests: [] });
        const key = `key ${index}`;
        add(ids[index] ?? '', undefined);
        add(await deriveId(createPrincipal(account, 'creator'), run, key), key);
      }
    }
    return { labels, targets };
  }

  function storeShared({ id, content }: Label): void {
    const { name, value_type, min_value, max_value } = content;
    const columns = 'account_id, id, name, value_type, min_value, max_value';
    const sql = `INSERT INTO evaluation_label (${columns}) VALUES (?, ?, ?, ?, ?, ?)`;
    database.changeRows(sql, SHARED_ACCOUNT, id, name, value_type, min_value, max_value);
  }
}

/**
 * Records the version in the response, for later If-Match headers. Clears the versions if the
 * evaluation is missing.
 */
function rememberVersion({ intent, outcome, row }: Request): void {
  const { operation, target } = intent;
  const isGone = outcome === 'not_found' || (operation === 'delete' && outcome === 'ok');
  if (intent.hasWrongRunInPath) return;
  if (row) target.versions.push(row.updated_at ?? row.created_at);
  else if (isGone && !intent.link) target.versions = [];
}

/** Returns a hash of all responses and stored rows (32-bit FNV-1a). */
function computeDigest(requests: readonly Request[], stored: readonly object[]): string {
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
