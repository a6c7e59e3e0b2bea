/**
 * A model of the update under everything that can go wrong on its way: several callers, edges whose clocks differ by up to
 * 5 s, attempts that fail before or after the commit or arrive late, other writes between two attempts, named and unnamed
 * writes, preconditions; with tokens, through links, on the pages of links, and links that are revoked meanwhile. Whatever
 * happens, each 200 stands exactly once in an unbroken chain of stored values, and nothing else does.
 */
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import { stillClock } from './support/clock.ts';
import { interceptD1 } from './support/d1.ts';
import { answer, post, signedLink } from './support/links.ts';
import {
  ACCOUNT,
  claims,
  DB,
  expectUnbroken,
  mintToken,
  pathOf,
  present,
  type Row,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  workerWith,
} from './support/worker.ts';

const START = new Date('2026-11-22T10:00:00.000Z');

type Put = {
  /** With a token, as a machine through the caller's link, or on its page, where key and precondition are the page's. */
  readonly by: 'token' | 'link' | 'page';
  readonly caller: string;
  readonly value: number;
  readonly key: string | undefined;
  readonly precondition: 'none' | 'current' | 'stale';
  /** How far the clock of its edge is ahead, in seconds. */
  readonly skew: number;
  /** What happens to its attempts before one passes, and who writes meanwhile. */
  readonly faults: readonly {
    fate: 'fails' | 'is lost' | 'is late';
    meanwhile: number | 'revoked' | undefined;
  }[];
};

/** `version` is what the write was to replace, `key` its name; `body` is undefined if the response is a page. */
type Answered = {
  readonly put: Put;
  readonly version: string | null;
  readonly key: string | undefined;
  readonly status: number;
  readonly body: Row | undefined;
};
type Stored = {
  readonly put: Put;
  readonly value: number;
  readonly updated_at: string;
  readonly isRevoked: boolean;
};

/** The evaluation, the way to it, and what was seen. */
class World {
  readonly row: Row;
  readonly links: Readonly<Record<string, string>>;
  readonly revoked = new Set<string>();
  seconds = 0;
  readonly answered: Answered[] = [];
  /** What D1 said it stored, in its order. */
  readonly stored: Stored[] = [];
  readonly late: (() => Promise<unknown>)[] = [];

  constructor(row: Row, links: Readonly<Record<string, string>>) {
    this.row = row;
    this.links = links;
  }

  async put(put: Put, shown?: string | null): Promise<void> {
    const clock = stillClock(START);
    clock.advance(this.seconds + put.skew);
    let attempts = 0;
    const db = interceptD1(DB, async (_, call) => {
      const fault = put.faults[attempts];
      attempts += 1;
      const reach = async () => {
        const isRevoked = put.by !== 'token' && this.revoked.has(put.caller);
        const results = await call();
        const [row] = (results as [D1Result<Row>])[0].results;
        if (row)
          this.stored.push({ put, value: row.value, updated_at: row.updated_at ?? '', isRevoked });
        return results;
      };
      if (!fault) return reach();
      if (fault.fate === 'is late') this.late.push(reach);
      if (fault.fate === 'is lost') await reach();
      if (fault.meanwhile === 'revoked') await this.revoke(put.caller);
      else if (fault.meanwhile !== undefined)
        await this.put(plainPut('meanwhile', fault.meanwhile));
      throw new Error('D1_ERROR: Network connection lost.');
    });
    const version =
      shown ?? (put.precondition === 'none' ? null : await this.version(put.precondition));
    const key = nameOf(put, version);
    const response = await workerWith({ DB: db }, clock)(await this.requestOf(put, version));
    const isJson = response.headers.get('content-type') === 'application/json';
    const body = isJson ? await response.json<Row>() : undefined;
    this.answered.push({ put, version, key, status: response.status, body });
  }

  /** The form of a page that was answered before, as it was. */
  async sendAgain(index: number): Promise<void> {
    const pages = this.answered.filter(({ put }) => put.by === 'page');
    const sent = pages[index % pages.length];
    if (sent) await this.put({ ...sent.put, faults: [] }, sent.version);
  }

  async revoke(caller: string): Promise<void> {
    await DB.prepare('INSERT OR IGNORE INTO revoked_link VALUES (?, ?, ?, ?)')
      .bind(ACCOUNT, LINKS_EXPIRE, this.row.id, LINK_IDS[caller])
      .run();
    this.revoked.add(caller);
  }

  private async requestOf(
    { by, caller, key, value }: Put,
    version: string | null,
  ): Promise<Request> {
    const url = this.links[caller] ?? '';
    if (by === 'page') return answer(url, `${version}`, `${value}`);
    const headers = {
      ...(version === null ? {} : { 'if-match': `"${version}"` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    };
    if (by === 'link') return post(url, { value }, headers);
    const token = await mintToken({ sub: caller, exp: claims({}, START).exp + 600 });
    const body = JSON.stringify({ value });
    return request(pathOf(this.row), {
      body,
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
  }

  private async version(precondition: 'current' | 'stale'): Promise<string> {
    if (precondition === 'stale') return this.row.created_at;
    const { updated_at, created_at } = present(await readEvaluation(this.row.id));
    return updated_at ?? created_at;
  }
}

/** Never, so that no revocation is forgotten whenever this runs. */
const LINKS_EXPIRE = '2999-01-01T00:00:00.000Z';
const CALLERS = ['a', 'b', 'c'] as const;
const LINK_IDS: Readonly<Record<string, string>> = Object.fromEntries(
  CALLERS.map((caller) => [caller, `00000000-0000-8000-8000-00000000000${caller}`]),
);

async function newWorld(): Promise<World> {
  const row = await storeEvaluation({ value: 0 });
  const urls = CALLERS.map(async (author) => {
    const url = await signedLink(row, {
      id: LINK_IDS[author] ?? '',
      author,
      expires_at: LINKS_EXPIRE,
    });
    return [author, url] as const;
  });
  return new World(row, Object.fromEntries(await Promise.all(urls)));
}

/** The name of a write, if it has one: the keys of a link are its own, and a page names its answers itself. */
function nameOf({ by, value, key }: Put, version: string | null): string | undefined {
  if (by === 'page') return `page ${version} ${value}`;
  return key === undefined || by === 'token' ? key : `link ${key}`;
}

const plainPut = (caller: string, value: number): Put => ({
  by: 'token',
  caller,
  value,
  key: undefined,
  precondition: 'none',
  skew: 0,
  faults: [],
});

/** There is no other model than what was seen: the checks at the end are the model. */
type Command = fc.AsyncCommand<Record<string, never>, World>;

const command = (name: string, run: (world: World) => Promise<void>): Command => ({
  check: () => true,
  run: (_, world) => run(world),
  toString: () => name,
});

const value = fc.integer({ min: 0, max: 3 });

const puts = fc
  .record({
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
          { arbitrary: fc.constant('revoked' as const), weight: 1 },
        ),
      }),
      { maxLength: 4 },
    ),
  })
  // A page always shows a version.
  .map(
    (put): Put =>
      put.by === 'page' && put.precondition === 'none' ? { ...put, precondition: 'current' } : put,
  )
  .map((put) => command(`put ${JSON.stringify(put)}`, (world) => world.put(put)));

const arrivals = fc.nat({ max: 3 }).map((index) =>
  command(`late attempt ${index} arrives`, async (world) => {
    const [call] = world.late.splice(Math.min(index, world.late.length - 1), 1);
    await call?.();
  }),
);

const repetitions = fc
  .nat({ max: 3 })
  .map((index) =>
    command(`answer ${index} on a page is sent again`, (world) => world.sendAgain(index)),
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

it('stores each write that is answered 200 exactly once, and answers no other 200', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands([puts, puts, puts, repetitions, repetitions, arrivals, waits, revocations], {
        maxCommands: 16,
      }),
      async (commands) => {
        const world = await newWorld();
        await world.put(plainPut('first', 4));
        await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
        for (const call of world.late.splice(0)) await call();
        await expectExact(world);
      },
    ),
    { numRuns: 50 * factor, seed },
  );
});

async function expectExact({ row, answered, stored, revoked }: World): Promise<void> {
  const history = await readHistory(row.id);
  const last = await readEvaluation(row.id);
  expectUnbroken(history, last);
  const chain = [...history, last].slice(1).map((entry) => ({
    value: entry?.value,
    updated_by: entry?.updated_by,
    updated_at: entry?.updated_at,
  }));
  const versions = [row.created_at, ...chain.map(({ updated_at }) => updated_at)];
  const keyOf = (put: Put) => answered.find((one) => one.put === put)?.key;

  // What stands in the chain is what D1 stored, in that order: the row is what the last accepted write stored.
  expect(chain).toEqual(
    stored.map(({ put, value, updated_at }) => ({ value, updated_by: put.caller, updated_at })),
  );

  // No request is stored twice, and no named write; and nothing through a link that is revoked, not even late.
  expect(new Set(stored.map(({ put }) => put)).size).toBe(stored.length);
  const named = stored
    .filter(({ put }) => keyOf(put) !== undefined)
    .map(({ put }) => `${put.caller} ${keyOf(put)}`);
  expect(new Set(named).size).toBe(named.length);
  expect(stored.filter(({ isRevoked }) => isRevoked)).toEqual([]);

  expect(answered.filter(({ status }) => ![200, 404, 412, 422, 503].includes(status))).toEqual([]);
  const gone = answered.filter(({ status }) => status === 404);
  expect(gone.filter(({ put }) => put.by === 'token' || !revoked.has(put.caller))).toEqual([]);

  // A page says what it stored only by its version: it stands in the chain after that.
  const accepted = answered
    .filter(({ status }) => status === 200)
    .map(({ body, version, ...one }) => ({
      ...one,
      version,
      body: body ?? chain[versions.indexOf(version ?? '')],
    }));
  for (const { put, body } of accepted) {
    const claimed = {
      value: body?.value,
      updated_by: body?.updated_by,
      updated_at: body?.updated_at,
    };
    expect(claimed).toMatchObject({ value: put.value, updated_by: put.caller });
    expect(chain.filter((entry) => entry.updated_at === body?.updated_at)).toEqual([claimed]);
  }

  // A conditional write replaced the version that it named.
  for (const { version, body } of accepted.filter(
    (one) => one.version !== null && stored.some(({ put }) => put === one.put),
  )) {
    expect(version).toBe(versions[versions.indexOf(body?.updated_at) - 1]);
  }

  // One stored write answers for several requests only if they are the same named one, or a plain repetition.
  for (const together of Map.groupBy(accepted, ({ body }) => body?.updated_at).values()) {
    const writers = together.filter(({ key, version }) => key !== undefined || version !== null);
    expect(new Set(writers.map(({ key }) => key)).size).toBeLessThanOrEqual(1);
    expect(writers.filter(({ key }) => key === undefined).length).toBeLessThanOrEqual(1);
  }

  // What was refused is not stored, not even late.
  const refused = answered.filter(({ status }) => status === 412 || status === 422);
  expect(refused.filter(({ put }) => stored.some((one) => one.put === put))).toEqual([]);
}
