/**
 * A model of the update under everything that can go wrong on its way: several callers, edges whose clocks differ by up to
 * 5 s, attempts that fail before or after the commit or arrive late, other writes between two attempts, named and unnamed
 * writes, preconditions. Whatever happens, each 200 stands exactly once in an unbroken chain of stored values, and
 * nothing else does.
 */
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import { stillClock } from './support/clock.ts';
import { interceptD1 } from './support/d1.ts';
import {
  claims,
  expectUnbroken,
  mintToken,
  pathOf,
  type Row,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  workerWith,
} from './support/worker.ts';

const START = new Date('2026-11-22T10:00:00.000Z');

type Put = {
  readonly caller: string;
  readonly value: number;
  readonly key: string | undefined;
  readonly precondition: 'none' | 'current' | 'stale';
  /** How far the clock of its edge is ahead, in seconds. */
  readonly skew: number;
  /** What happens to its attempts before one passes, and who writes meanwhile. */
  readonly faults: readonly { fate: 'fails' | 'is lost' | 'is late'; meanwhile: number | undefined }[];
};

type Answered = { readonly put: Put; readonly ifMatch: string | null; readonly status: number; readonly body: Row };
type Stored = { readonly put: Put; readonly value: number; readonly updated_at: string };

/** The evaluation, the way to it, and what was seen. */
class World {
  readonly row: Row;
  readonly token: string;
  seconds = 0;
  readonly answered: Answered[] = [];
  /** What D1 said it stored, in its order. */
  readonly stored: Stored[] = [];
  readonly late: (() => Promise<unknown>)[] = [];

  constructor(row: Row) {
    this.row = row;
    this.token = `"${row.created_at}"`;
  }

  async put(put: Put): Promise<void> {
    const clock = stillClock(START);
    clock.advance(this.seconds + put.skew);
    let attempts = 0;
    const db = interceptD1(env.DB, async (_, call) => {
      const fault = put.faults[attempts];
      attempts += 1;
      const reach = async () => {
        const results = await call();
        const [row] = (results as [D1Result<Row>])[0].results;
        if (row) this.stored.push({ put, value: row.value, updated_at: row.updated_at ?? '' });
        return results;
      };
      if (!fault) return reach();
      if (fault.fate === 'is late') this.late.push(reach);
      if (fault.fate === 'is lost') await reach();
      if (fault.meanwhile !== undefined) await this.put(plainPut('meanwhile', fault.meanwhile));
      throw new Error('D1_ERROR: Network connection lost.');
    });
    const token = await mintToken({ sub: put.caller, exp: claims({}, START).exp + 600 });
    const ifMatch = put.precondition === 'none' ? null : await this.tag(put.precondition);
    const sent = await request(pathOf(this.row), {
      body: JSON.stringify({ value: put.value }),
      headers: {
        authorization: `Bearer ${token}`,
        'if-match': ifMatch,
        'idempotency-key': put.key ?? null,
      },
    });
    const response = await workerWith({ DB: db }, clock)(sent);
    this.answered.push({ put, ifMatch, status: response.status, body: await response.json<Row>() });
  }

  private async tag(precondition: 'current' | 'stale'): Promise<string> {
    if (precondition === 'stale') return this.token;
    const stored = await readEvaluation(this.row.id);
    return `"${stored?.updated_at ?? stored?.created_at}"`;
  }
}

const plainPut = (caller: string, value: number): Put => ({
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
    caller: fc.constantFrom('a', 'b', 'c'),
    value,
    key: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }),
    precondition: fc.constantFrom('none', 'none', 'current', 'stale'),
    skew: fc.integer({ min: -5, max: 5 }),
    faults: fc.array(
      fc.record({
        fate: fc.constantFrom('fails', 'is lost', 'is late'),
        meanwhile: fc.option(value, { nil: undefined }),
      }),
      { maxLength: 4 },
    ),
  })
  .map((put) => command(`put ${JSON.stringify(put)}`, (world) => world.put(put)));

const arrivals = fc.nat({ max: 3 }).map((index) =>
  command(`late attempt ${index} arrives`, async (world) => {
    const [call] = world.late.splice(Math.min(index, world.late.length - 1), 1);
    await call?.();
  }),
);

const waits = fc.integer({ min: 1, max: 3 }).map((seconds) =>
  command(`${seconds} s pass`, async (world) => {
    world.seconds += seconds;
  }),
);

const { seed, factor } = inject('properties');

it('stores each write that is answered 200 exactly once, and answers no other 200', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands([puts, puts, arrivals, waits], { maxCommands: 12 }), async (commands) => {
      const world = new World(await storeEvaluation({ value: 0 }));
      await world.put(plainPut('first', 4));
      await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
      for (const call of world.late.splice(0)) await call();
      await expectExact(world);
    }),
    { numRuns: 50 * factor, seed },
  );
});

async function expectExact({ row, answered, stored }: World): Promise<void> {
  const history = await readHistory(row.id);
  const last = await readEvaluation(row.id);
  expectUnbroken(history, last);
  const chain = [...history, last].slice(1).map((entry) => ({
    value: entry?.value,
    updated_by: entry?.updated_by,
    updated_at: entry?.updated_at,
  }));

  // What stands in the chain is what D1 stored, in that order: the row is what the last accepted write stored.
  expect(chain).toEqual(stored.map(({ put, value, updated_at }) => ({ value, updated_by: put.caller, updated_at })));

  // No request is stored twice, and no named write.
  expect(new Set(stored.map(({ put }) => put)).size).toBe(stored.length);
  const named = stored.filter(({ put }) => put.key !== undefined).map(({ put }) => `${put.caller} ${put.key}`);
  expect(new Set(named).size).toBe(named.length);

  expect(answered.filter(({ status }) => ![200, 412, 422, 503].includes(status))).toEqual([]);
  const accepted = answered.filter(({ status }) => status === 200);
  for (const { put, body } of accepted) {
    const claimed = { value: body.value, updated_by: body.updated_by, updated_at: body.updated_at };
    expect(claimed).toMatchObject({ value: put.value, updated_by: put.caller });
    expect(chain.filter((entry) => entry.updated_at === body.updated_at)).toEqual([claimed]);
  }

  // A conditional write replaced the version that it named.
  const versions = [row.created_at, ...chain.map(({ updated_at }) => updated_at)];
  for (const { ifMatch, body } of accepted.filter(
    (one) => one.ifMatch !== null && stored.some(({ put }) => put === one.put),
  )) {
    expect(ifMatch).toBe(`"${versions[versions.indexOf(body.updated_at) - 1]}"`);
  }

  // One stored write answers for several requests only if they are the same named one, or a plain repetition.
  for (const together of Map.groupBy(accepted, ({ body }) => body.updated_at).values()) {
    const writers = together.map(({ put }) => put).filter(({ key, precondition }) => key || precondition !== 'none');
    expect(new Set(writers.map(({ key }) => key)).size).toBeLessThanOrEqual(1);
    expect(writers.filter(({ key }) => key === undefined).length).toBeLessThanOrEqual(1);
  }

  // What was refused is not stored, not even late.
  const refused = answered.filter(({ status }) => status === 412 || status === 422);
  expect(refused.filter(({ put }) => stored.some((one) => one.put === put))).toEqual([]);
}
