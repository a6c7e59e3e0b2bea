/**
 * Tests that a stored value keeps its meaning, such as 0 for `formal`, after any sequence of
 * operations.
 */
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import {
  buildLabelPath,
  DB,
  get,
  type Label,
  mintToken,
  request,
  storeLabel,
  worker,
} from './support/worker.ts';

const { seed, factor } = inject('properties');

type Rule = Pick<Label, 'value_type' | 'min_value' | 'max_value'> & { categories: string[] | null };
type Stored = { readonly account: string; readonly path: string; readonly label: string };

const unruled = { min_value: null, max_value: null, categories: null };
const RULES: readonly Rule[] = [
  { ...unruled, value_type: 'binary' },
  { ...unruled, value_type: 'continuous', min_value: 0, max_value: 1 },
  { ...unruled, value_type: 'continuous', min_value: 1 },
  { ...unruled, value_type: 'categorical', categories: ['formal', 'casual'] },
  { ...unruled, value_type: 'categorical', categories: ['casual', 'formal'] },
  { ...unruled, value_type: 'ordinal', categories: ['bad', 'good', 'best'] },
];

/** Two accounts and the account `shared`, which all use the same three label ids. */
class World {
  readonly accounts = [`acc_${crypto.randomUUID()}`, `acc_${crypto.randomUUID()}`, 'shared'];
  readonly ids = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  readonly evaluations: Stored[] = [];
  readonly expectedMeanings = new Map<Stored, unknown>();
  readonly statuses = new Set<string>();
  private readonly tokens = new Map<string, string>();

  account = (n: number) => this.accounts[n] ?? '';
  id = (n: number) => this.ids[n] ?? '';

  async authorize(account: string): Promise<{ authorization: string }> {
    const token = this.tokens.get(account) ?? (await mintToken({ account_id: account }));
    this.tokens.set(account, token);
    return { authorization: `Bearer ${token}` };
  }

  async send(account: string, method: string, path: string, content: object): Promise<Response> {
    const headers = await this.authorize(account);
    const response = await worker(
      await request(path, { method, headers, body: JSON.stringify(content) }),
    );
    this.statuses.add(
      `${method} ${path.includes('label') ? 'label' : 'evaluation'} ${response.status}`,
    );
    return response;
  }

  async readMeaning({ account, path, label }: Stored): Promise<unknown> {
    const headers = await this.authorize(account);
    const { value } = await (await worker(await get(path, headers))).json<{ value: number }>();
    const got = await (
      await worker(await get(buildLabelPath({ id: label }), headers))
    ).json<Rule>();
    const { value_type, min_value, max_value, categories } = got;
    return { value, value_type, min_value, max_value, categories };
  }

  /** Calls `run`, and expects a new meaning at most for the evaluation that `run` returns. */
  async step(run: () => Promise<Stored | undefined>): Promise<void> {
    const stored = await run();
    if (stored) this.expectedMeanings.set(stored, await this.readMeaning(stored));
    const meanings = await Promise.all(
      this.evaluations.map((evaluation) => this.readMeaning(evaluation)),
    );
    expect(meanings).toEqual(
      this.evaluations.map((evaluation) => this.expectedMeanings.get(evaluation)),
    );
  }
}

/** fast-check's `model` stays empty, because `World` records the expected meanings. */
type Command = fc.AsyncCommand<Record<string, never>, World>;
const command = (name: string, run: (world: World) => Promise<Stored | undefined>): Command => ({
  check: () => true,
  run: (_, world) => world.step(() => run(world)),
  toString: () => name,
});

const [account, id, value] = [fc.nat(2), fc.nat(2), fc.constantFrom(0, 1, 0.5, 2)];
const rule = fc.constantFrom(...RULES);

const creates = fc.record({ account, id, rule }).map((made) =>
  command(`create label ${JSON.stringify(made)}`, async (world) => {
    const content = { id: world.id(made.id), name: 'a', ...made.rule };
    await world.send(world.account(made.account), 'POST', '/v1/evaluation-labels', content);
    return undefined;
  }),
);

const change = fc.oneof(
  fc.constantFrom({ name: 'b' }, { archived: true }, { archived: false }, { description: 'c' }),
  rule.map((made) => ({ name: 'd', ...made })),
);
const updates = fc.record({ account, id, change }).map((made) =>
  command(`update label ${JSON.stringify(made)}`, async (world) => {
    await world.send(
      world.account(made.account),
      'PUT',
      buildLabelPath({ id: world.id(made.id) }),
      made.change,
    );
    return undefined;
  }),
);

const evaluations = fc.record({ account, id, value }).map((made) =>
  command(`create evaluation ${JSON.stringify(made)}`, async (world) => {
    const [owner, label] = [world.account(made.account), world.id(made.id)];
    const content = { evaluation_label_id: label, value: made.value };
    const response = await world.send(
      owner,
      'POST',
      `/v1/run/${crypto.randomUUID()}/evaluations`,
      content,
    );
    if (response.status !== 201) return undefined;
    const stored = { account: owner, path: response.headers.get('location') ?? '', label };
    world.evaluations.push(stored);
    return stored;
  }),
);

const corrections = fc.record({ at: fc.nat(), value }).map((made) =>
  command(`correct ${JSON.stringify(made)}`, async (world) => {
    const evaluation = world.evaluations[made.at % world.evaluations.length];
    if (!evaluation) return undefined;
    const response = await world.send(evaluation.account, 'PUT', evaluation.path, {
      value: made.value,
    });
    return response.status === 200 ? evaluation : undefined;
  }),
);

/** SQL that somebody may run in a database console. */
const CONSOLE = [
  `UPDATE evaluation_label SET categories = '["casual","formal"]', value_type = 'categorical' WHERE id = ?1`,
  `UPDATE OR REPLACE evaluation_label SET min_value = 5, value_type = 'continuous', categories = NULL WHERE id = ?1`,
  `UPDATE evaluation_label SET id = '${crypto.randomUUID()}' WHERE id = ?1`,
  `UPDATE evaluation_label SET account_id = 'shared' WHERE id = ?1`,
  `INSERT OR REPLACE INTO evaluation_label (id, account_id, name, value_type) VALUES (?1, ?2, 'e', 'binary')`,
  `INSERT INTO evaluation_label (id, account_id, name, value_type) VALUES (?1, ?2, 'e', 'binary')`,
  `UPDATE evaluation_label SET name = 'f', archived_at = '2026-01-01T00:00:00.000Z' WHERE id = ?1`,
];
const consoles = fc.record({ account, id, sql: fc.constantFrom(...CONSOLE) }).map((made) =>
  command(`console ${JSON.stringify(made)}`, async (world) => {
    const statement = DB.prepare(made.sql);
    const values = [world.id(made.id), world.account(made.account)].slice(
      0,
      made.sql.includes('?2') ? 2 : 1,
    );
    await statement
      .bind(...values)
      .run()
      .catch((thrown: Error) => expect(thrown.message).toMatch(/SQLITE_CONSTRAINT/));
    return undefined;
  }),
);

describe('what a stored value means', () => {
  it('keeps the meaning of a stored value after any sequence of operations', async () => {
    const statuses = new Set<string>();
    const commands = fc.commands(
      [creates, creates, updates, evaluations, evaluations, corrections, consoles],
      {
        maxCommands: 20,
        size: '+1',
      },
    );
    await fc.assert(
      fc.asyncProperty(commands, async (made) => {
        const world = new World();
        await fc.asyncModelRun(() => ({ model: {}, real: world }), made);
        for (const status of world.statuses) statuses.add(status);
      }),
      { numRuns: 20 * factor, seed },
    );
    expect([...statuses]).toEqual(
      expect.arrayContaining([
        ...['POST label 201', 'POST label 409', 'PUT label 200', 'PUT label 404', 'PUT label 422'],
        ...[
          'POST evaluation 201',
          'POST evaluation 404',
          'POST evaluation 422',
          'PUT evaluation 200',
        ],
      ]),
    );
  });

  it.each([
    'id',
    'account_id',
    'value_type',
    'min_value',
    'max_value',
    'categories',
    'created_by',
    'created_at',
    'create_digest',
  ])('the table refuses to change %s of a label', async (column) => {
    const label = await storeLabel();
    const change = DB.prepare(`UPDATE evaluation_label SET ${column} = 7 WHERE id = ?`).bind(
      label.id,
    );

    await expect(change.run()).rejects.toThrow(
      /only name, description and archived_at of an evaluation_label can change/,
    );
  });

  it.each([
    [
      `REPLACE INTO evaluation_label SELECT * FROM evaluation_label WHERE id = ?`,
      /evaluation_label exists: update it/,
    ],
    [
      `INSERT OR REPLACE INTO evaluation_label (id, account_id, name, value_type)
        SELECT id, account_id, name, 'binary' FROM evaluation_label WHERE id = ?`,
      /evaluation_label exists: update it/,
    ],
    [
      `INSERT INTO evaluation_label (id, account_id, name, value_type)
        SELECT id, 'acc_neighbour', name, 'binary' FROM evaluation_label WHERE id = ?`,
      /a shared evaluation_label has this id: choose another/,
    ],
  ])('the table refuses to insert: %s', async (sql, refusal) => {
    const { id } = await storeLabel({ account_id: 'shared' });

    await expect(DB.prepare(sql).bind(id).run()).rejects.toThrow(refusal);
  });
});
