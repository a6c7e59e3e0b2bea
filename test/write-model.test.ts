/**
 * Tests random sequences of writes to one evaluation, with faults, late attempts, deletions and
 * clocks that differ. Each update that the Worker answers with 200 is in the history or the row
 * exactly once.
 */
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import type { ReplacedRow } from '../src/evaluation/read.ts';
import { createLinkId } from '../src/link/key.ts';
import { createStillClock } from './support/clock.ts';
import { interceptD1 } from './support/d1.ts';
import { answer, post, signLink } from './support/links.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  createWorker,
  DB,
  expectUnbroken,
  mintToken,
  type Row,
  readEvaluation,
  readHistory,
  readRows,
  request,
  storeLabelled,
} from './support/worker.ts';

type Write = {
  /** PUT updates the evaluation. POST creates the evaluation, with the same id each time. */
  readonly method: 'PUT' | 'DELETE' | 'POST';
  /** `page` is the form on the link's page. */
  readonly by: 'token' | 'link' | 'page';
  readonly caller: string;
  readonly value: number;
  readonly key: string | undefined;
  readonly precondition: 'none' | 'current' | 'stale';
  /** How many seconds the clock of the edge location is ahead; negative if the clock is behind. */
  readonly skew: number;
  /**
   * The fault of each attempt; further attempts succeed. A number in `meanwhile` is a value that
   * another caller stores before the next attempt.
   */
  readonly faults: readonly {
    fate: 'fails' | 'is lost' | 'is late';
    meanwhile: number | 'revoked' | 'deleted' | 'replaced' | undefined;
  }[];
};

/** The life of an evaluation, from its creation to its deletion. */
type Incarnation = {
  readonly created: Row;
  /** The history and the row right before the deletion, or at the end of the test. */
  last?: { readonly history: ReplacedRow[]; readonly row: Row | null };
};

/** The state when an attempt of a write reaches D1, or when the Worker answers. */
type Seen = {
  readonly write: Write;
  /** The result of `nameWrite`. */
  readonly name: string | undefined;
  /** The current incarnation, or the last one if the evaluation is deleted. */
  readonly incarnation: Incarnation;
  readonly isAbsent: boolean;
  /** True if a deletion's `deleted_at` is at or after the start of the request. */
  readonly isOlderThanDeletion: boolean;
  readonly isRevoked: boolean;
};
/**
 * `version` is null if the write has no precondition. `body` is undefined if the response is not
 * JSON.
 */
type Answered = Seen & {
  readonly version: string | null;
  readonly status: number;
  readonly body: Row | undefined;
};
/** A write that D1 ran, with the row that D1 returned. A deletion returns only the id. */
type Stored = Seen & { readonly row: Row };

class World {
  /** The edge clocks start at the real time, because a `deleted_at` is never earlier. */
  readonly start = new Date();
  readonly row: Row;
  readonly links: Readonly<Record<string, string>>;
  readonly revoked = new Set<string>();
  seconds = 0;
  readonly incarnations: [Incarnation, ...Incarnation[]];
  /** The `deleted_at` of each deletion so far. */
  deletions: readonly string[] = [];
  readonly answered: Answered[] = [];
  /** The rows that D1 stored or deleted, in the order of the writes. */
  readonly stored: Stored[] = [];
  readonly late: (() => Promise<unknown>)[] = [];

  constructor(row: Row, links: Readonly<Record<string, string>>) {
    this.row = row;
    this.links = links;
    this.incarnations = [{ created: row }];
  }

  async send(write: Write, shown?: string | null): Promise<void> {
    const clock = createStillClock(this.start);
    clock.advance(this.seconds + write.skew);
    const began = clock.now().toISOString();
    const version =
      shown ?? (write.precondition === 'none' ? null : await this.version(write.precondition));
    const name = nameWrite(write, version);
    const see = (): Seen => {
      const incarnation = this.incarnations.at(-1) ?? this.incarnations[0];
      return {
        write,
        name,
        incarnation,
        isAbsent: incarnation.last !== undefined,
        isOlderThanDeletion: this.deletions.some((deleted_at) => deleted_at >= began),
        isRevoked: write.by !== 'token' && this.revoked.has(write.caller),
      };
    };
    let attempts = 0;
    const db = interceptD1(DB, async (_, call) => {
      const fault = write.faults[attempts];
      attempts += 1;
      const reach = async () => {
        const seen = see();
        const last = write.method === 'DELETE' ? await this.read() : undefined;
        const results = await call();
        const [row] = (results as [D1Result<Row>])[0].results;
        if (row) await this.note({ ...seen, row }, last);
        return results;
      };
      if (!fault) return reach();
      if (fault.fate === 'is late') this.late.push(reach);
      if (fault.fate === 'is lost') await reach();
      if (fault.meanwhile === 'revoked') await this.revoke(write.caller);
      else if (fault.meanwhile === 'deleted') await this.send(plain({ method: 'DELETE' }));
      else if (fault.meanwhile === 'replaced') await this.replace();
      else if (fault.meanwhile !== undefined) await this.send(plain({ value: fault.meanwhile }));
      throw new Error('D1_ERROR: Network connection lost.');
    });
    const response = await createWorker({ DB: db }, clock)(await this.buildRequest(write, version));
    const isJson = response.headers.get('content-type') === 'application/json';
    const body = isJson ? await response.json<Row>() : undefined;
    this.answered.push({ ...see(), version, status: response.status, body });
  }

  /** Repeats a write that has a name. Index 0 is the latest, index 1 the one before. */
  async sendAgain(index: number): Promise<void> {
    const named = this.answered.filter(({ name }) => name !== undefined);
    const sent = named.at(-1 - (index % named.length));
    if (sent) await this.send({ ...sent.write, faults: [] }, sent.version);
  }

  /**
   * Deletes the evaluation and creates it again. The create must be later than `deleted_at`, which
   * may be 5 s ahead.
   */
  async replace(): Promise<void> {
    await this.send(plain({ method: 'DELETE' }));
    this.seconds += 6;
    await this.send(plain({ method: 'POST' }));
  }

  async revoke(caller: string): Promise<void> {
    await DB.prepare('INSERT OR IGNORE INTO revoked_link VALUES (?, ?, ?, ?)')
      .bind(ACCOUNT, LINKS_EXPIRE, this.row.id, LINK_IDS[caller])
      .run();
    this.revoked.add(caller);
  }

  async read() {
    const { id } = this.row;
    const [history, row] = await Promise.all([readHistory(id), readEvaluation(id)]);
    return { history, row };
  }

  private async note(stored: Stored, last: Incarnation['last']): Promise<void> {
    const created = stored.write.method === 'POST' ? { created: stored.row } : undefined;
    if (created) this.incarnations.push(created);
    this.stored.push({ ...stored, ...(created && { incarnation: created }) });
    if (!last) return;
    stored.incarnation.last = last;
    const notes = 'SELECT deleted_at FROM deleted_evaluation WHERE evaluation_id = ?';
    const times = await readRows<{ deleted_at: string }>(notes, this.row.id);
    this.deletions = times.map(({ deleted_at }) => deleted_at);
  }

  private async buildRequest(
    { method, by, caller, key, value }: Write,
    version: string | null,
  ): Promise<Request> {
    const url = this.links[caller] ?? '';
    if (by === 'page') return answer(url, `${version}`, `${value}`);
    const headers = {
      ...(version === null ? {} : { 'if-match': `"${version}"` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    };
    if (by === 'link') return post(url, { value }, headers);
    const token = await mintToken({ sub: caller, exp: claims({}, this.start).exp + 600 });
    const init = { method, headers: { authorization: `Bearer ${token}`, ...headers } };
    if (method === 'DELETE') return request(buildPath(this.row), init);
    if (method === 'PUT')
      return request(buildPath(this.row), { ...init, body: JSON.stringify({ value }) });
    const { run_id, id, evaluation_label_id } = this.row;
    const body = JSON.stringify({ id, evaluation_label_id, value });
    return request(`/v1/run/${run_id}/evaluations`, { ...init, body });
  }

  private async version(precondition: 'current' | 'stale'): Promise<string> {
    if (precondition === 'stale') return this.row.created_at;
    const stored = await readEvaluation(this.row.id);
    return stored?.updated_at ?? stored?.created_at ?? this.row.created_at;
  }
}

/** The links expire so late that D1 never deletes their revocations. */
const LINKS_EXPIRE = '2999-01-01T00:00:00.000Z';
const CALLERS = ['a', 'b', 'c'] as const;
const LINK_IDS: Readonly<Record<string, string>> = Object.fromEntries(
  CALLERS.map((caller) => [
    caller,
    `${createLinkId(LINKS_EXPIRE).slice(0, 13)}-8000-8000-00000000000${caller}`,
  ]),
);

async function createWorld(): Promise<World> {
  const row = await storeLabelled({}, { value: 0, output_name: null, field_path: null });
  const urls = CALLERS.map(async (author) => {
    const url = await signLink(row, {
      id: LINK_IDS[author] ?? '',
      author,
      expires_at: LINKS_EXPIRE,
    });
    return [author, url] as const;
  });
  return new World(row, Object.fromEntries(await Promise.all(urls)));
}

/** Returns the name by which the Worker recognises a repetition, such as an idempotency key. */
function nameWrite({ by, value, key }: Write, version: string | null): string | undefined {
  if (by === 'page') return `page ${version} ${value}`;
  return key === undefined || by === 'token' ? key : `link ${key}`;
}

const plain = (changed: Partial<Write>): Write => ({
  method: 'PUT',
  by: 'token',
  caller: 'meanwhile',
  value: 0,
  key: undefined,
  precondition: 'none',
  skew: 0,
  faults: [],
  ...changed,
});

/** fast-check's `model` stays empty, because `World` records the state. */
type Command = fc.AsyncCommand<Record<string, never>, World>;

const command = (name: string, run: (world: World) => Promise<void>): Command => ({
  check: () => true,
  run: (_, world) => run(world),
  toString: () => name,
});

const value = fc.integer({ min: 0, max: 3 });

const writes = fc
  .record({
    method: fc.constantFrom('PUT', 'PUT', 'PUT', 'DELETE', 'POST'),
    by: fc.constantFrom('token', 'link', 'page'),
    caller: fc.constantFrom(...CALLERS),
    value,
    key: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }),
    precondition: fc.constantFrom('none', 'none', 'current', 'stale'),
    skew: fc.integer({ min: -5, max: 5 }),
    faults: fc.array(
      fc.record({
        fate: fc.constantFrom('fails', 'is lost', 'is late'),
        meanwhile: fc.oneof(
          { arbitrary: fc.constant(undefined), weight: 5 },
          { arbitrary: value, weight: 5 },
          { arbitrary: fc.constantFrom('revoked', 'deleted', 'replaced'), weight: 3 },
        ),
      }),
      { maxLength: 4 },
    ),
  })
  .map((write): Write => {
    if (write.method === 'DELETE') return { ...write, by: 'token' };
    // A create needs no Idempotency-Key, because the evaluation's id identifies the create. A create
    // takes no precondition.
    if (write.method === 'POST')
      return { ...write, by: 'token', key: undefined, precondition: 'none' };
    // The form on a page always sends the version that the page showed.
    const isPlain = write.by !== 'page' || write.precondition !== 'none';
    return isPlain ? write : { ...write, precondition: 'current' };
  })
  .map((write) => command(`send ${JSON.stringify(write)}`, (world) => world.send(write)));

const arrivals = fc.nat({ max: 3 }).map((index) =>
  command(`late attempt ${index} arrives`, async (world) => {
    const [call] = world.late.splice(Math.min(index, world.late.length - 1), 1);
    await call?.();
  }),
);

const repetitions = fc.tuple(fc.nat({ max: 1 }), fc.boolean()).map(([index, isReplaced]) =>
  command(`${isReplaced ? 'replaced, ' : ''}named write ${index} is sent again`, async (world) => {
    if (isReplaced) await world.replace();
    await world.sendAgain(index);
  }),
);

const revocations = fc
  .constantFrom(...CALLERS)
  .map((caller) => command(`the link of ${caller} is revoked`, (world) => world.revoke(caller)));

const waits = fc.integer({ min: 1, max: 3 }).map((seconds) =>
  command(`${seconds} s pass`, async (world) => {
    world.seconds += seconds;
  }),
);

const { seed, factor } = inject('properties');

it('stores each acknowledged write exactly once, and nothing that began before a deletion', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands(
        [writes, writes, writes, repetitions, repetitions, arrivals, waits, revocations],
        { maxCommands: 14 },
      ),
      fc.boolean(),
      async (commands, isReplacedAtLast) => {
        const world = await createWorld();
        await world.send(plain({ caller: 'first', value: 4 }));
        await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
        if (isReplacedAtLast) await world.replace();
        for (const call of world.late.splice(0)) await call();
        await expectExact(world);
      },
    ),
    { numRuns: 50 * factor, seed },
  );
});

const STATUSES = {
  PUT: [200, 404, 412, 422, 503],
  DELETE: [204, 404, 412, 503],
  POST: [200, 201, 409, 503],
} as const;

/** Requests with the same caller and name are one write. */
const identifyWrite = ({ write, name }: Seen) =>
  name === undefined ? write : `${write.caller} ${name}`;

async function expectExact(world: World): Promise<void> {
  const { start, incarnations, deletions, answered, stored } = world;
  const now = await world.read();
  const standing = incarnations.at(-1);
  if (standing?.last) expect(now).toEqual({ history: [], row: null });
  else if (standing) standing.last = now;
  for (const incarnation of incarnations) {
    const isOfIt = (one: Seen) => one.incarnation === incarnation && one.write.method === 'PUT';
    expectChain(incarnation, answered.filter(isOfIt), stored.filter(isOfIt));
  }

  expect(
    stored.filter(({ isRevoked, isOlderThanDeletion }) => isRevoked || isOlderThanDeletion),
  ).toEqual([]);
  expect(deletions.filter((deleted_at) => deleted_at < start.toISOString())).toEqual([]);

  const deleted = stored.filter(({ write }) => write.method === 'DELETE').map(identifyWrite);
  expect(new Set(deleted).size).toBe(deleted.length);

  for (const one of answered) {
    const { write, status, body, incarnation, isAbsent, isOlderThanDeletion, isRevoked } = one;
    const isOwn = stored.some(
      (other) => other.write === write && other.incarnation === incarnation,
    );
    const isGone = isAbsent || isOlderThanDeletion;
    expect(STATUSES[write.method]).toContain(status);
    if (status === 404) expect(isGone || isRevoked).toBe(true);
    // After 412 or 422, D1 never stores the request in `incarnation`, not even a late attempt.
    if (status === 412 || status === 422) expect(isOwn || isGone).toBe(false);
    // After 404 or 409, D1 never stores the request. The check leaves out writes with a name, because
    // another request may repeat the write.
    if ((status === 404 || status === 409) && one.name === undefined)
      expect(stored.filter((other) => other.write === write)).toEqual([]);
    if (status === 204) expect(deleted).toContain(identifyWrite(one));
    if (write.method === 'PUT' && status === 200) expect(isGone).toBe(false);
    if (write.method !== 'POST' || status === 503) continue;
    const isSame = !isAbsent && incarnation.created.value === write.value;
    if (status === 409) expect(isOlderThanDeletion || !(isAbsent || isSame)).toBe(true);
    else {
      expect([isSame, isOwn]).toEqual([true, status === 201]);
      expect(listVersions(incarnation)).toContain(body?.updated_at ?? body?.created_at);
    }
  }
}

type Claim = { readonly [name in 'value' | 'updated_by' | 'updated_at']?: Row[name] | undefined };

const pickClaim = (entry: Claim | null | undefined) => ({
  value: entry?.value,
  updated_by: entry?.updated_by,
  updated_at: entry?.updated_at,
});

const buildChain = ({ last }: Incarnation) =>
  [...(last?.history ?? []), last?.row].slice(1).map(pickClaim);

const listVersions = (incarnation: Incarnation) => [
  incarnation.created.created_at,
  ...buildChain(incarnation).map(({ updated_at }) => updated_at),
];

function expectChain(incarnation: Incarnation, answered: Answered[], stored: Stored[]): void {
  const { created, last } = incarnation;
  const chain = buildChain(incarnation);
  const versions = listVersions(incarnation);
  if (last && chain.length > 0) expectUnbroken(last.history, last.row);

  expect((last?.history[0] ?? last?.row)?.value).toBe(created.value);
  expect(chain).toEqual(
    stored.map(({ write, row }) => ({ ...pickClaim(row), updated_by: write.caller })),
  );

  expect(new Set(stored.map(({ write }) => write)).size).toBe(stored.length);
  expect(new Set(stored.map(identifyWrite)).size).toBe(stored.length);

  // The response to a form has no JSON. The test takes the row that replaced the form's version:
  // `chain` begins with the row after the first version.
  const accepted = answered
    .filter(({ status }) => status === 200)
    .map(({ body, version, ...one }) => ({
      ...one,
      version,
      body: body ?? chain[versions.indexOf(version ?? '')],
    }));
  for (const { write, body } of accepted) {
    const claimed = pickClaim(body);
    expect(claimed).toMatchObject({ value: write.value, updated_by: write.caller });
    expect(chain.filter((entry) => entry.updated_at === body?.updated_at)).toEqual([claimed]);
  }

  // A stored request with a precondition replaced the version that the precondition names.
  for (const { version, body } of accepted.filter(
    (one) => one.version !== null && stored.some(({ write }) => write === one.write),
  )) {
    expect(version).toBe(versions[versions.indexOf(body?.updated_at ?? '') - 1]);
  }

  // If requests with a name or a precondition get the same version, they repeat one write.
  for (const together of Map.groupBy(accepted, ({ body }) => body?.updated_at).values()) {
    const writers = together.filter(({ name, version }) => name !== undefined || version !== null);
    expect(new Set(writers.map(({ name }) => name)).size).toBeLessThanOrEqual(1);
    expect(writers.filter(({ name }) => name === undefined).length).toBeLessThanOrEqual(1);
  }
}
