/**
 * Runs one seed: eight callers send 3,000 requests to two accounts, MOVER and STAYER. Both accounts
 * have evaluations with the same ids. Each request goes to one of four edges. An edge is a location
 * where Cloudflare runs the Worker, and has its own clock and its own settings.
 *
 * STAYER's rows are always in D1. The seed decides which database has MOVER's rows:
 *
 * - seed % 3 = 0: D1.
 * - seed % 3 = 1: an object (a Durable Object with its own database).
 * - seed % 3 = 2: first D1. In the second half of the run, one edge after another gets the setting
 *   that sends MOVER's requests to the object. The object then copies MOVER's rows from D1.
 *
 * test/write-model.test.ts tests the whole Worker over HTTP in workerd. The simulation calls only
 * the Worker's operations, on simulated clocks, so it can send far more requests.
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
/**
 * If MOVER moves in this run, each edge starts to use the object after a random delay. This is the
 * longest delay.
 */
const MOVE_DELAY_MAX_MS = 2000;

/**
 * Runs a seed. Returns the number of requests, a digest of the run, and the findings of the checks.
 * `enterWorld` makes the thread's global objects, such as `Date`, use the time and the random
 * numbers of this run. A test passes `alterSql` to plant a fault in the Worker's SQL.
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
   * Sets the edge's clock to a random time, at most SKEW_MAX_MS before or after the simulated time.
   * Does so again and again, until the run is over. If MOVER moves in this run, also makes the edge
   * use the object in the second half of the run.
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
 * Remembers the version of the evaluation in a response, so that callers can send the version in
 * If-Match. Forgets all versions if the response shows that the evaluation is gone.
 */
function rememberVersion({ intent, outcome, row }: Request): void {
  const { operation, target } = intent;
  const isGone = outcome === 'not_found' || (operation === 'delete' && outcome === 'ok');
  if (intent.hasWrongRunInPath) return;
  if (row) target.versions.push(row.updated_at ?? row.created_at);
  else if (isGone && !intent.link) target.versions = [];
}

/**
 * Returns a digest of the run: the 32-bit FNV-1a hash of all outcomes, their times and all stored
 * rows, in hexadecimal.
 */
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
