/**
 * The steps of a move on real local databases, killed after each of their writes: whatever happens, repeating ends it,
 * undoing takes it back, and no row is lost or there twice.
 */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finishMove, startMove, undoMove } from '../../src/cli/move.ts';
import { requireEqual } from '../../src/cli/move-compare.ts';
import {
  admitNewcomers,
  movesOfSlots,
  refuseBegun,
  refuseNewcomers,
  refuseThird,
  sourcesOf,
} from '../../src/cli/move-slots.ts';
import type { Move } from '../../src/cli/move-state.ts';
import { MOVED_TABLES, query, type Row, type Statement, type Store } from '../../src/cli/move-tables.ts';
import { parseDatabases, slotOf } from '../../src/db/databases.ts';
import { type Stores, startStores } from './d1-stores.ts';

let databases: Stores;
let [source, target]: Store[] = [];
beforeAll(async () => {
  databases = await startStores('DB', 'DB_2');
  [source, target] = databases.stores;
});
afterAll(() => databases.stop());

const SILENT = { step: () => {}, done: () => {} };

const stores = () => {
  if (!source || !target) throw new Error('there are no databases');
  return { source, target };
};
const newMove = (): Move => ({ account: `acc_${randomUUID()}`, ...stores() });

const hex = (text: string) => createHash('md5').update(text).digest('hex');
const at = (n: number) => new Date(Date.UTC(2026, 0, 2) + n).toISOString();

const insertion = (table: string, row: Row): Statement => {
  const marks = Object.keys(row).map(() => '?');
  return { sql: `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${marks})`, params: Object.values(row) };
};

/** An account with all that is hard to copy. */
async function fill({ account }: Pick<Move, 'account'>, store: Store, evaluations = 5): Promise<void> {
  const statements: Statement[] = [];
  for (let n = 0; n < evaluations; n += 1) {
    const id = randomUUID();
    const values = [0.1 + 0.2, -1e-320, 1.7976931348623157e308, 2 ** 53 - 1, n];
    const content = {
      run_id: randomUUID(),
      output_name: 'a\0b💥',
      field_path: null,
      evaluation_label_id: randomUUID(),
    };
    const rest = { value: values[n % 5] ?? 0, created_by: 'é'.repeat(255), created_at: at(n), write_id: hex(id) };
    statements.push(insertion('run_evaluation', { id, account_id: account, ...content, ...rest }));
    for (let m = 1; m <= n % 4; m += 1) {
      statements.push({
        sql: 'UPDATE run_evaluation SET value = ?, updated_by = ?, updated_at = ?, write_id = ? WHERE account_id = ? AND id = ?',
        params: [m / 3, `user-${m}`, at(n + m), hex(`${id}${m}`), account, id],
      });
    }
  }
  const shared = randomUUID();
  const categories = JSON.stringify(Array.from({ length: 255 }, (_, c) => `${c}${'x'.repeat(200)}`));
  for (const [n, id] of [shared, randomUUID()].entries()) {
    const ids = { id, account_id: account, create_digest: n === 0 ? hex(id) : null, write_id: hex(`label ${id}`) };
    const rest = { name: 'tone\0', value_type: 'ordinal', categories, created_at: at(n) };
    statements.push(insertion('evaluation_label', { ...ids, ...rest }));
    const sql = 'UPDATE evaluation_label SET archived_at = ? WHERE account_id = ? AND id = ?';
    statements.push({ sql, params: [at(9), account, id] });
  }
  for (const expires_at of [at(0), '2999-01-01T00:00:00.000Z']) {
    const ids = { account_id: account, evaluation_id: randomUUID(), id: randomUUID() };
    statements.push(insertion('revoked_link', { ...ids, expires_at }));
  }
  await store.batch(statements);
  // Made after the account's own, which goes before it.
  const everyones = { id: shared, account_id: 'shared', name: 'all', value_type: 'binary', write_id: hex(shared) };
  for (const { batch } of Object.values(stores())) await batch([insertion('evaluation_label', everyones)]);
}

/** Everything that a database has of the account, but for the fence. */
async function contentOf(store: Store, { account }: Pick<Move, 'account'>): Promise<Record<string, Row[]>> {
  const content: Record<string, Row[]> = {};
  for (const { name, key } of MOVED_TABLES) {
    content[name] = await query(store, `SELECT * FROM ${name} WHERE account_id = ? ORDER BY ${key}`, account);
  }
  return content;
}
const nothing = Object.fromEntries(MOVED_TABLES.map(({ name }) => [name, []]));

const statesOf = async ({ account, source: from, target: to }: Move) => {
  const state = async (store: Store) =>
    (await query(store, 'SELECT state FROM account_move WHERE account_id = ?', account))[0]?.['state'];
  return [await state(from), await state(to)];
};

/** A caller's write, as far as the tables see one. */
const write = (store: Store, { account }: Pick<Move, 'account'>, value = 77) =>
  query(
    store,
    `UPDATE run_evaluation SET value = ?, updated_by = 'late', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
      write_id = lower(hex(randomblob(16))) WHERE account_id = ? AND id = (SELECT min(id) FROM run_evaluation WHERE account_id = ?)`,
    value,
    account,
    account,
  );
const FENCED = /the account is being moved to another database/;

class Killed extends Error {}

/** The same move by a program that is killed as soon as it has written for the nth time: reads leave nothing behind. */
function killedAfter(move: Move, nth: number): { move: Move; wasKilled: () => boolean } {
  let writes = 0;
  const wrap = ({ name, batch }: Store): Store => ({
    name,
    batch: async (statements) => {
      const rows = await batch(statements);
      if (statements.some(({ sql }) => !sql.startsWith('SELECT'))) writes += 1;
      if (writes >= nth) throw new Killed();
      return rows;
    },
  });
  return { move: { ...move, source: wrap(move.source), target: wrap(move.target) }, wasKilled: () => writes >= nth };
}

const ended = (error: unknown) => {
  if (!(error instanceof Killed)) throw error;
};

/** Each point at which a program that does this may be killed, with a move of its own that was prepared for it. */
async function* killedEverywhere(prepare: (move: Move) => Promise<unknown>, act: (move: Move) => Promise<unknown>) {
  for (let nth = 1; ; nth += 1) {
    const move = newMove();
    await fill(move, move.source, 3);
    const content = await contentOf(move.source, move);
    await prepare(move);
    const killed = killedAfter(move, nth);
    await act(killed.move).catch(ended);
    if (!killed.wasKilled()) return;
    yield { move, content };
  }
}

const start = (move: Move) => startMove(move, SILENT);
const finish = (move: Move) => finishMove(move, SILENT);
const undo = (move: Move) => undoMove(move, SILENT);

describe('a move', () => {
  it('copies every row exactly, and says how many there are and their checksums', async () => {
    const move = newMove();
    await fill(move, move.source);
    const content = await contentOf(move.source, move);

    const counts = await start(move);

    expect(await contentOf(move.target, move)).toEqual(content);
    expect(await contentOf(move.source, move)).toEqual(content);
    expect(counts).toEqual(
      MOVED_TABLES.map(({ name }) => ({
        table: name,
        rows: content[name]?.length,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      })),
    );
    await expect(write(move.source, move)).rejects.toThrow(FENCED);
    await write(move.target, move);
  });

  it('copies more than a page of each table, and goes on within one where it was killed', async () => {
    const move = newMove();
    const ids = Array.from({ length: 2100 }, () => randomUUID());
    const many = (table: string, columns: string, values: string, some: readonly string[]) =>
      query(
        move.source,
        `INSERT INTO ${table} (id, account_id, ${columns}) SELECT value, ?, ${values} FROM json_each(?)`,
        move.account,
        JSON.stringify(some),
      );
    const created = "'2026-01-02T03:04:05.678Z'";
    await many('run_evaluation', 'run_id, evaluation_label_id, value, created_at', `value, value, 1, ${created}`, ids);
    await query(move.source, 'UPDATE run_evaluation SET value = 2 WHERE account_id = ?', move.account);
    await many('evaluation_label', 'name, value_type', "'a', 'binary'", ids.slice(0, 60));
    const content = await contentOf(move.source, move);
    await start(killedAfter(move, 4).move).catch(ended);
    const heard: [string, number][] = [];
    const progress = {
      step: (name: string) => heard.push([name, 0]),
      done: (rows: number) => {
        const last = heard.at(-1);
        if (last) last[1] += rows;
      },
    };

    await startMove(move, progress);
    await finishMove(move, progress);

    expect(await contentOf(move.target, move)).toEqual(content);
    expect(await contentOf(move.source, move)).toEqual(nothing);
    expect(heard).toEqual([
      ['fence', 0],
      ['copy', 4260],
      ['verify', 0],
      ['compare', 4260],
      ['delete', 4260],
    ]);
  });

  it('that is finished leaves nothing in the source but a fence, and keeps what was written since', async () => {
    const move = newMove();
    await fill(move, move.source);
    await start(move);
    await write(move.target, move, 78);
    await write(move.target, move, 79);
    const content = await contentOf(move.target, move);

    await finish(move);
    await finish(move);

    expect(await contentOf(move.source, move)).toEqual(nothing);
    expect(await contentOf(move.target, move)).toEqual(content);
    expect(await statesOf(move)).toEqual(['moved', undefined]);
    const late = "INSERT INTO evaluation_label (id, account_id, name, value_type) VALUES (?, ?, 'late', 'binary')";
    await expect(query(move.source, late, randomUUID(), move.account)).rejects.toThrow(FENCED);
  });

  it('there and back again, twice, is the same account', async () => {
    const move = newMove();
    const back = { account: move.account, source: move.target, target: move.source };
    await fill(move, move.source);

    for (const [n, leg] of [move, back, move, back].entries()) {
      await start(leg);
      await write(leg.target, leg, n);
      const content = await contentOf(leg.target, leg);
      await finish(leg);
      expect(await contentOf(leg.target, leg)).toEqual(content);
      expect(await contentOf(leg.source, leg)).toEqual(nothing);
    }
    expect(await statesOf(move)).toEqual([undefined, 'moved']);
  });

  it('of an account without rows fences it all the same, so that its first row is not lost', async () => {
    const move = newMove();

    await start(move);

    expect(await statesOf(move)).toEqual(['leaving', undefined]);
  });

  it('repeated when it was verified copies nothing again', async () => {
    const move = newMove();
    await fill(move, move.source);
    await start(move);
    await write(move.target, move);
    const content = await contentOf(move.target, move);

    expect(await start(move)).toBe('was verified before');

    expect(await contentOf(move.target, move)).toEqual(content);
  });
});

describe('a move that is killed after any of its writes', () => {
  it('goes on when it is repeated, and ends with every row once', async () => {
    let points = 0;
    for await (const { move, content } of killedEverywhere(async () => {}, start)) {
      points += 1;
      await start(move);
      expect(await contentOf(move.target, move)).toEqual(content);
      await finish(move);
      expect(await contentOf(move.target, move)).toEqual(content);
      expect(await contentOf(move.source, move)).toEqual(nothing);
    }
    expect(points).toBe(7);
  });

  it('is undone, or had not begun, and the source takes writes again with every row once', async () => {
    for await (const { move, content } of killedEverywhere(async () => {}, start)) {
      const begun = (await statesOf(move)).some((state) => state !== undefined);
      if (begun) await undo(move);
      expect(await contentOf(move.source, move)).toEqual(content);
      expect(await contentOf(move.target, move)).toEqual(nothing);
      await write(move.source, move);
      await start(move);
    }
  });

  it('never lets anybody write to a target that is not complete', async () => {
    for await (const { move, content } of killedEverywhere(async () => {}, start)) {
      const complete = JSON.stringify(await contentOf(move.target, move)) === JSON.stringify(content);
      const [, there] = await statesOf(move);
      const [here] = await statesOf(move);
      expect(complete || there === 'arriving' || here === undefined).toBe(true);
      if (there === 'arriving') {
        const insert =
          "INSERT INTO evaluation_label (id, account_id, name, value_type) VALUES (?, ?, 'early', 'binary')";
        await expect(query(move.target, insert, randomUUID(), move.account)).rejects.toThrow(FENCED);
      }
    }
  });
});

describe('a --finish that is killed after any of its writes', () => {
  it('goes on when it is repeated, also after writes to the target', async () => {
    for await (const { move } of killedEverywhere(start, finish)) {
      await write(move.target, move);
      const content = await contentOf(move.target, move);
      await finish(move);
      expect(await contentOf(move.target, move)).toEqual(content);
      expect(await contentOf(move.source, move)).toEqual(nothing);
    }
  });

  it('is not undone once it may have deleted a row, and nothing is lost in the target', async () => {
    for await (const { move, content } of killedEverywhere(start, finish)) {
      const [here] = await statesOf(move);
      const result = await undo(move).then(
        () => 'undone',
        () => 'refused',
      );
      expect(result).toBe(here === 'leaving' ? 'undone' : 'refused');
      expect(await contentOf(here === 'leaving' ? move.source : move.target, move)).toEqual(content);
    }
  });
});

describe('an --undo that is killed after any of its writes', () => {
  it('goes on when it is repeated', async () => {
    for await (const { move, content } of killedEverywhere(start, undo)) {
      await undo(move);
      expect(await contentOf(move.source, move)).toEqual(content);
      expect(await contentOf(move.target, move)).toEqual(nothing);
      await write(move.source, move);
    }
  });

  it('is not taken for a move that can go on, or be finished', async () => {
    for await (const { move } of killedEverywhere(start, undo)) {
      const [, there] = await statesOf(move);
      if (there !== 'undoing' && there !== 'discarding') continue;
      await expect(start(move)).rejects.toThrow(/repeat --undo/);
      await expect(finish(move)).rejects.toThrow(/move it first/);
      await undo(move);
    }
  });
});

describe('a revocation whose link has expired', () => {
  it('is moved, and is missed by nobody once the target has forgotten it', async () => {
    const move = newMove();
    await fill(move, move.source);
    // As if it had expired since it was revoked.
    await query(
      move.source,
      "UPDATE revoked_link SET expires_at = '2026-01-02T00:00:00.000Z' WHERE account_id = ?",
      move.account,
    );
    const content = await contentOf(move.source, move);
    await start(move);
    expect(await contentOf(move.target, move)).toEqual(content);
    const fresh = {
      account_id: move.account,
      expires_at: '2999-01-01T00:00:00.000Z',
      evaluation_id: randomUUID(),
      id: randomUUID(),
    };
    await move.target.batch([insertion('revoked_link', fresh)]);

    await finish(move);

    expect((await contentOf(move.target, move))['revoked_link']).toEqual([fresh]);
    expect(await contentOf(move.source, move)).toEqual(nothing);
  });
});

describe('a move refuses', () => {
  const lost = (move: Move) => query(move.target, 'DELETE FROM run_evaluation WHERE account_id = ?', move.account);

  it('to be undone when the target was written since', async () => {
    const move = newMove();
    await fill(move, move.source);
    await start(move);
    await write(move.target, move);
    const content = await contentOf(move.target, move);

    await expect(undo(move)).rejects.toThrow(/cannot be undone, because run_evaluation_history .* is not the same/);

    expect(await contentOf(move.target, move)).toEqual(content);
    await write(move.target, move);
    await finish(move);
  });

  it('to be finished when anything of the source is missing in the target, or is there in another version', async () => {
    const move = newMove();
    await fill(move, move.source);
    await start(move);
    const content = await contentOf(move.source, move);
    await lost(move);

    await expect(finish(move)).rejects.toThrow(/run_evaluation_history of \S+ lacks .* in DB_2/);

    expect(await contentOf(move.source, move)).toEqual(content);
    expect(await statesOf(move)).toEqual(['leaving', undefined]);
  });

  it('to be finished when a version of the source is in no history of the target', async () => {
    const move = newMove();
    await fill(move, move.source);
    await start(move);
    await write(move.target, move);
    await query(
      move.target,
      "DELETE FROM run_evaluation_history WHERE account_id = ? AND replaced_by = 'late'",
      move.account,
    );

    await expect(finish(move)).rejects.toThrow(/run_evaluation of \S+ has another .* in DB_2, and not a later one/);
  });

  it('a target that has rows of the account, and touches nothing', async () => {
    const move = newMove();
    await fill(move, move.source, 2);
    await fill(move, move.target, 2);

    await expect(start(move)).rejects.toThrow(/DB_2 has rows of \S+ already: nothing was changed/);

    expect(await statesOf(move)).toEqual([undefined, undefined]);
  });

  it('to begin while another one is under way, and to be finished or undone where there is none', async () => {
    const move = newMove();
    await fill(move, move.source);
    await expect(finish(move)).rejects.toThrow(/has not been copied/);
    await expect(undo(move)).rejects.toThrow(/There is no move/);
    await start(move);

    const third = { name: 'DB_9', batch: move.target.batch };
    await expect(start({ ...move, target: third })).rejects.toThrow(/is leaving in DB, by a move from or to DB_2/);
    const back = { account: move.account, source: move.target, target: move.source };
    await expect(start(back)).rejects.toThrow(/is leaving DB: end that move with --finish first/);
  });
});

describe('two programs at once', () => {
  it('that finish and undo the same move never both delete', async () => {
    for (let n = 0; n < 4; n += 1) {
      const move = newMove();
      await fill(move, move.source, 2);
      const content = await contentOf(move.source, move);
      await start(move);

      const results = await Promise.allSettled([finish(move), undo(move)]);

      const kept = [await contentOf(move.source, move), await contentOf(move.target, move)];
      expect(kept).toContainEqual(content);
      expect(results.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
    }
  });

  it('that begin the same move end with every row once', async () => {
    const move = newMove();
    await fill(move, move.source, 8);
    const content = await contentOf(move.source, move);

    await Promise.allSettled([start(move), start(move)]);
    await start(move);

    expect(await contentOf(move.target, move)).toEqual(content);
  });

  it('one that verified a copy which was undone since does not open the next one, which is not complete', async () => {
    const move = newMove();
    await fill(move, move.source);
    const verified = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    const { batch, name } = move.target;
    const suspended: Store = {
      name,
      batch: async (statements) => {
        if (statements[0]?.sql.startsWith('DELETE FROM account_move')) {
          verified.resolve();
          await resumed.promise;
        }
        return batch(statements);
      },
    };
    const first = startMove({ ...move, target: suspended }, SILENT);
    await verified.promise;
    await undo(move);
    const second = killedAfter(move, 3);
    await expect(start(second.move)).rejects.toThrow(Killed);

    resumed.resolve();

    await expect(first).rejects.toThrow(/was undone meanwhile/);
    expect(await statesOf(move)).toEqual(['leaving', 'arriving']);
    await start(move);
    expect(await contentOf(move.target, move)).toEqual(await contentOf(move.source, move));
  });

  it('a copy that arrives after the undo brings nothing back', async () => {
    const move = newMove();
    await fill(move, move.source, 3);
    const late: (() => Promise<unknown>)[] = [];
    const slow: Store = {
      name: move.target.name,
      batch: async (statements) => {
        if (!statements.some(({ sql }) => sql.startsWith('INSERT INTO run_evaluation ')))
          return move.target.batch(statements);
        late.push(() => move.target.batch(statements));
        throw new Killed();
      },
    };
    await start({ ...move, target: slow }).catch(ended);
    await undo(move);

    for (const arrive of late) await expect(arrive()).rejects.toThrow(FENCED);

    expect(late).toHaveLength(1);
    expect(await contentOf(move.target, move)).toEqual(nothing);
  });
});

describe('a write in flight while the fence goes up', () => {
  it('is stored and moved, or refused: never stored and left behind', async () => {
    const move = newMove();
    await fill(move, move.source, 3);
    const before = (await contentOf(move.source, move))['run_evaluation_history']?.length ?? 0;

    const [started, ...writes] = await Promise.allSettled([
      start(move),
      ...Array.from({ length: 40 }, async (_, n) => {
        await pause(n);
        return write(move.source, move, 100 + n);
      }),
    ]);

    expect(started.status).toBe('fulfilled');
    const stored = writes.filter(({ status }) => status === 'fulfilled').length;
    const history = (await contentOf(move.target, move))['run_evaluation_history'] ?? [];
    expect(history).toHaveLength(before + stored);
    expect(await contentOf(move.source, move)).toEqual(await contentOf(move.target, move));
    const refusals = writes.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    for (const refusal of refusals) expect(refusal).toMatch(FENCED);
  });
});

describe('slots', () => {
  const accountIn = (first: number, last: number): string => {
    for (;;) {
      const account = `acc_${randomUUID()}`;
      const slot = slotOf(account);
      if (first <= slot && slot <= last) return account;
    }
  };
  const slots = { first: 512, last: 767 };

  it('take along every account in them that has no name of its own, and nobody else', async () => {
    const { source: from, target: to } = stores();
    const [one, other, named, beside] = [
      accountIn(512, 767),
      accountIn(512, 767),
      accountIn(512, 767),
      accountIn(0, 511),
    ];
    for (const account of [one, named, beside]) await fill({ account }, from, 1);
    await query(
      from,
      "INSERT INTO evaluation_label (id, account_id, name, value_type) VALUES (?, ?, 'a', 'binary')",
      randomUUID(),
      other,
    );
    const assignment = parseDatabases(`${named}=DB 0-1023=DB`, ['DB', 'DB_2']);

    expect(sourcesOf([from, to], to, slots, assignment)).toEqual([from]);
    const moves = await movesOfSlots([from, to], to, slots, assignment);

    const accounts = moves.map(({ account }) => account);
    expect(accounts).toEqual(expect.arrayContaining([one, other]));
    expect(accounts.filter((account) => [named, beside, 'shared', ''].includes(account))).toEqual([]);
    expect(accounts.every((account) => slotOf(account) >= 512 && slotOf(account) <= 767)).toBe(true);
    for (const move of moves.filter(({ account }) => account === one || account === other)) {
      await start(move);
      await finish(move);
    }
    expect((await movesOfSlots([from, to], to, slots, assignment)).map(({ account }) => account)).not.toContain(one);
  });

  it('let no account begin in the database that they leave, and only one range leaves it at a time', async () => {
    const { source: from, target: to } = stores();
    const insert = (account: string) =>
      query(
        from,
        "INSERT INTO evaluation_label (id, account_id, name, value_type) VALUES (?, ?, 'a', 'binary')",
        randomUUID(),
        account,
      );
    const known = `acc_${randomUUID()}`;
    await insert(known);

    await refuseNewcomers(from, slots, to);
    await refuseNewcomers(from, slots, to);
    await expect(insert(`acc_${randomUUID()}`)).rejects.toThrow(FENCED);
    await insert(known);
    await insert('shared');
    await expect(refuseNewcomers(from, { first: 0, last: 9 }, to)).rejects.toThrow(/slots 512-767=DB_2 are leaving DB/);
    await admitNewcomers(from, slots, to);

    await insert(`acc_${randomUUID()}`);
  });

  it('lift the fence of an account that left the new database long ago and has no rows', async () => {
    const { source: from, target: to } = stores();
    const account = accountIn(512, 767);
    const away = { account, source: to, target: from };
    await start(away);
    await finish(away);
    const assignment = parseDatabases('', ['DB', 'DB_2']);

    const found = (await movesOfSlots([from, to], to, slots, assignment)).filter((move) => move.account === account);
    expect(found).toEqual([{ account, source: from, target: to }]);
    for (const move of found) {
      await start(move);
      await finish(move);
    }

    await fill({ account }, to, 1);
  });

  it('are not undone once an account has begun in the new database, which would be left behind', async () => {
    const { source: from, target: to } = stores();
    const moved = accountIn(512, 767);
    const one = { first: slotOf(moved), last: slotOf(moved) };
    const begun = accountIn(one.first, one.last);
    const move = { account: moved, source: from, target: to };
    const check = async (setting: string) => {
      const assignment = parseDatabases(setting, ['DB', 'DB_2']);
      await refuseBegun(to, one, assignment, await movesOfSlots([from, to], to, one, assignment));
    };
    await fill(move, from, 1);
    await start(move);
    await check('');

    await fill({ account: begun }, to, 1);

    await expect(check('')).rejects.toThrow(`${begun} has begun in DB_2`);
    await check(`${begun}=DB_2 0-1023=DB`);
    await check('0-1023=DB_2');
  });

  it('are refused for an account that has rows in a third database', async () => {
    const move = newMove();
    await fill(move, move.target, 1);
    const third = { name: 'DB_9', batch: move.source.batch };

    await expect(refuseThird([move.source, move.target, third], { ...move, target: third })).rejects.toThrow(
      /has rows in DB_2 too/,
    );
  });
});

describe('what is moved', () => {
  it('is every table with an account, each fenced against creates and, if it has any, updates', async () => {
    const { source: store } = stores();
    const tables = await query(
      store,
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'account_move' AND sql LIKE '%account_id%'",
    );
    expect(tables.map(({ name }) => name).sort()).toEqual(MOVED_TABLES.map(({ name }) => name).sort());

    const triggers = await query(store, "SELECT tbl_name, name FROM sqlite_schema WHERE type = 'trigger'");
    const fences = triggers.map(({ name }) => name).filter((name) => String(name).endsWith('_during_a_move'));
    // A history entry is written by nobody but the trigger of an update, which is fenced.
    const fenced = MOVED_TABLES.filter(({ name }) => name !== 'run_evaluation_history');
    expect(fences.sort()).toEqual(
      fenced
        .flatMap(({ name }) => [`${name}_is_not_created_during_a_move`, `${name}_is_not_updated_during_a_move`])
        .sort(),
    );
  });

  it('is compared by what is in the database, also behind a NUL', async () => {
    const move = newMove();
    await fill(move, move.source);
    await start(move);

    await requireEqual(move.source, move.target, move.account);
    await query(move.target, "UPDATE evaluation_label SET name = name || 'x' WHERE account_id = ?", move.account);
    await expect(requireEqual(move.source, move.target, move.account)).rejects.toThrow(/evaluation_label/);
  });
});
