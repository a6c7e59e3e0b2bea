/** Concurrent writers and repeated writes: entity tags, preconditions, 50 writers at once, retries, clocks. */
import { describe, expect, it } from 'vitest';
import { NOT_FOUND, unprocessable } from './support/answers.ts';
import { stillClock } from './support/clock.ts';
import { countingD1 } from './support/d1.ts';
import {
  claims,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  expectUnbroken,
  mintToken,
  pathOf,
  type Row,
  readEvaluation,
  readHistory,
  request,
  type Send,
  storeEvaluation,
  storeLabel,
  storeLabelled,
  worker,
  workerWith,
} from './support/worker.ts';

type Put = { ifMatch?: string | null; sub?: string; send?: Send };

const sendPut = async (
  row: Row,
  value: number,
  { ifMatch = null, sub = 'user-123', send = worker }: Put = {},
) => send(await put(row, value, ifMatch, sub));

const put = async (row: Row, value: number, ifMatch: string | null, sub = 'user-123') =>
  request(pathOf(row), {
    body: JSON.stringify({ value }),
    headers: { authorization: `Bearer ${await mintToken({ sub })}`, 'if-match': ifMatch },
  });

const tagOf = (response: Response) => response.headers.get('etag') ?? '';
const currentTag = async (row: Row) => tagOf(await sendPut(row, 1));

const stale = (etag: string) => ({
  status: 412,
  error: 'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
  headers: { etag, 'cache-control': 'no-store, no-transform' },
});

describe('the entity tag', () => {
  it('is strong, and changes with every stored change and with nothing else', async () => {
    const row = await storeEvaluation();
    const tags = [];
    for (const value of [1, 2, 1, 1, 2]) tags.push(tagOf(await sendPut(row, value)));

    expect(tags.every((tag) => /^"[\x21\x23-\x7e]+"$/.test(tag))).toBe(true);
    expect(tags[3]).toBe(tags[2]);
    expect(new Set(tags).size).toBe(4);
  });

  it('changes with a change that the Worker did not make', async () => {
    const row = await storeEvaluation();
    const before = await currentTag(row);

    await DB.prepare('UPDATE run_evaluation SET value = 7 WHERE id = ?').bind(row.id).run();

    expect((await sendPut(row, 8, { ifMatch: before })).status).toBe(412);
  });
});

describe('If-Match', () => {
  it.each<[string, (tag: string) => string]>([
    ['the tag', (tag) => tag],
    ['the tag among several', (tag) => `"a", ${tag} ,"b"`],
    ['the tag among empty elements', (tag) => `,, ${tag},`],
    ['the tag beside weak ones', (tag) => `W/"a", ${tag}`],
    ['*', () => '*'],
  ])('allows the write with %s, in one call to D1', async (_, ifMatch) => {
    const row = await storeEvaluation();
    const tag = await currentTag(row);
    const { db, calls } = countingD1(DB);

    const response = await sendPut(row, 9, { ifMatch: ifMatch(tag), send: workerWith({ DB: db }) });

    expect(response.status).toBe(200);
    expect(tagOf(response)).not.toBe(tag);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
    expect(calls).toEqual(['batch']);
  });

  it.each<[string, (tag: string) => string]>([
    ['another tag', () => '"another"'],
    ['an empty tag', () => '""'],
    ['several other tags', () => '"a","b"'],
    ['the tag made weak', (tag) => `W/${tag}`],
    ['the tag inside another', (tag) => tag.replace(/"$/, '0"')],
    ['a quoted *', () => '"*"'],
    ['no tag at all', () => ','],
    ['SQL', () => `"')OR/**/1=1--"`],
    ['a tag with a comma inside', (tag) => tag.replace(/^"/, '"x,')],
  ])('refuses the write with %s, and returns the current tag', async (_, ifMatch) => {
    const row = await storeEvaluation();
    const tag = await currentTag(row);

    await expectRefusedUpdate(row, await put(row, 9, ifMatch(tag)), stale(tag));
  });

  it.each(['abc', '"abc', 'abc"', '"a" "b"', 'w/"a"', '*, "a"', "'a'"])(
    'is refused as malformed, neither taken for a mismatch nor ignored: %s',
    async (ifMatch) => {
      const row = await storeEvaluation();

      await expectRefusedUpdate(row, await put(row, 9, ifMatch), {
        status: 400,
        error:
          'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
      });
    },
  );

  it('works on a row that was never updated, whose tag is in the 412', async () => {
    const row = await storeEvaluation();
    const refused = await sendPut(row, 9, { ifMatch: '"x"' });

    expect(refused.status).toBe(412);
    expect((await sendPut(row, 9, { ifMatch: tagOf(refused) })).status).toBe(200);
  });

  it('is checked after 404, and before the label and the immutable fields', async () => {
    const row = await storeLabelled({ value_type: 'binary' });
    const tag = await currentTag(row);

    await expectRefusal(
      await sendPut({ ...row, id: crypto.randomUUID() }, 1, { ifMatch: '*' }),
      NOT_FOUND,
    );
    await expectRefusedUpdate(row, await put(row, 7, '"x"'), stale(tag));
    await expectRefusedUpdate(row, await put(row, 7, tag), unprocessable('value must be 0 or 1.'));
  });

  it('is 404 for a row of another account, with no tag', async () => {
    const row = await storeEvaluation({ account_id: 'acc_neighbour' });

    await expectRefusal(await sendPut(row, 1, { ifMatch: '"x"' }), NOT_FOUND);
  });
});

describe('If-None-Match on an update', () => {
  it.each(['*', '"a"'])(
    'is refused and not ignored, since no update can do what it asks: %s',
    async (ifNoneMatch) => {
      const row = await storeEvaluation();
      const sent = await request(pathOf(row), {
        body: '{"value":9}',
        headers: { 'if-none-match': ifNoneMatch },
      });

      await expectRefusedUpdate(row, sent, {
        status: 400,
        error: 'This operation takes If-Match, not If-None-Match.',
      });
    },
  );
});

describe('concurrent writers', () => {
  const writers = Array.from({ length: 50 }, (_, n) => n);

  it('have exactly one winner of 50 with the same If-Match, and no value is lost', async () => {
    const row = await storeEvaluation();
    for (const round of [1, 2, 3]) {
      const ifMatch = tagOf(await sendPut(row, round, { sub: 'referee' }));

      const answers = await Promise.all(
        writers.map((n) => sendPut(row, 100 * round + n, { ifMatch, sub: `writer-${n}` })),
      );

      const winners = answers.filter(({ status }) => status === 200);
      expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
      expect(winners).toHaveLength(1);
      expect(await winners[0]?.json()).toEqual(await readEvaluation(row.id));
    }
    expectUnbroken(await readHistory(row.id), await readEvaluation(row.id));
    expect(await readHistory(row.id)).toHaveLength(6);
  });

  it('leave one value and an unbroken history, 50 at once without If-Match', async () => {
    const row = await storeEvaluation();

    const answers = await Promise.all(
      writers.map((n) => sendPut(row, 100 + n, { sub: `writer-${n}` })),
    );

    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const stored = await readEvaluation(row.id);
    const history = await readHistory(row.id);
    expect(history).toHaveLength(50);
    expect([...history, stored].map((entry) => entry?.value).sort((a = 0, b = 0) => a - b)).toEqual(
      [3, ...writers.map((n) => 100 + n)],
    );
    expectUnbroken(history, stored);
    expect(new Set(answers.map(tagOf)).size).toBe(50);
  });
});

describe('a retry', () => {
  it('of the same value by the same caller changes nothing: same row, same tag, no history', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 9);
    const history = await readHistory(row.id);
    const { db, calls } = countingD1(DB);

    const second = await sendPut(row, 9, { send: workerWith({ DB: db }) });

    expect(second.status).toBe(200);
    expect(tagOf(second)).toBe(tagOf(first));
    expect(await second.json()).toEqual(await first.json());
    expect(await readHistory(row.id)).toEqual(history);
    expect(calls).toEqual(['batch']);
  });

  it('of a conditional write is refused if another caller has written since', async () => {
    const row = await storeEvaluation();
    const ifMatch = await currentTag(row);
    await sendPut(row, 9, { ifMatch });
    const other = await sendPut(row, 5, { sub: 'other' });

    await expectRefusedUpdate(row, await put(row, 9, ifMatch), stale(tagOf(other)));
  });

  it('by another caller is a change of attribution, and is stored', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 9, { sub: 'judge' });

    const confirmed = await sendPut(row, 9, { sub: 'reviewer' });

    expect(tagOf(confirmed)).not.toBe(tagOf(first));
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9, updated_by: 'reviewer' });
    expect(await readHistory(row.id)).toMatchObject([
      { value: 3, replaced_by: 'judge' },
      { value: 9, updated_by: 'judge', replaced_by: 'reviewer' },
    ]);
  });

  it('of the creator\u2019s own value on a row never updated is an update: it has an author and a time from then on', async () => {
    const row = await storeEvaluation({ created_by: 'user-123' });

    expect(await (await sendPut(row, row.value)).json()).toMatchObject({
      updated_by: 'user-123',
      updated_at: expect.any(String),
    });
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('of a value that a newer label does not allow changes nothing, and so succeeds', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 50);
    await storeLabel({ id: row.evaluation_label_id, min_value: 1, max_value: 10 });

    expect(tagOf(await sendPut(row, 50))).toBe(tagOf(first));
    await expectRefusedUpdate(
      row,
      await put(row, 51, null),
      unprocessable('value must be between 1 and 10.'),
    );
    await expectRefusedUpdate(
      row,
      await put(row, 50, null, 'other'),
      unprocessable('value must be between 1 and 10.'),
    );
  });

  it('of a row that has an author and no time of an update is an update', async () => {
    const row = await storeEvaluation({ updated_by: 'user-123' });

    expect(await (await sendPut(row, row.value)).json()).toMatchObject({
      updated_at: expect.any(String),
    });
  });

  it('treats 0 and -0 as the same value', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 0);
    const again = await worker(await request(pathOf(row), { body: '{"value":-0}' }));

    expect(tagOf(again)).toBe(tagOf(first));
  });
});

describe('updated_at', () => {
  it('always increases, whatever the clocks of two edges say', async () => {
    const row = await storeEvaluation();
    const ahead = stillClock(new Date('2026-11-22T10:00:00.000Z'));
    const behind = stillClock(new Date('2026-11-22T09:59:59.000Z'));
    const exp = claims({}, ahead.now()).exp;
    const times = [];
    for (const [n, clock] of [ahead, ahead, behind, ahead, behind, behind].entries()) {
      const sent = await request(pathOf(row), {
        body: JSON.stringify({ value: n }),
        headers: { authorization: `Bearer ${await mintToken({ exp })}` },
      });
      await workerWith({}, clock)(sent);
      times.push((await readEvaluation(row.id))?.updated_at);
    }

    expect(times).toEqual([0, 1, 2, 3, 4, 5].map((n) => `2026-11-22T10:00:00.00${n}Z`));
  });

  it('increases by one millisecond over the end of a second, a day and a year', async () => {
    for (const [updated_at, next] of [
      ['2027-03-04T05:06:07.999Z', '2027-03-04T05:06:08.000Z'],
      ['2028-02-28T23:59:59.999Z', '2028-02-29T00:00:00.000Z'],
      ['2029-12-31T23:59:59.999Z', '2030-01-01T00:00:00.000Z'],
      ['2029-12-31T23:59:59.998Z', '2029-12-31T23:59:59.999Z'],
    ]) {
      const row = await storeEvaluation({ updated_by: 'user-1', updated_at: updated_at ?? null });
      expect(await (await sendPut(row, 9)).json()).toMatchObject({ updated_at: next });
    }
  });

  it('is later than created_at, even if the row was created by a clock ahead', async () => {
    const row = await storeEvaluation({ created_at: '2099-01-01T00:00:00.000Z' });

    expect(await (await sendPut(row, 9)).json()).toMatchObject({
      updated_at: '2099-01-01T00:00:00.001Z',
    });
  });
});
