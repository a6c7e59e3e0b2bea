/**
 * Tests concurrent writers, repeated updates, and edge locations whose clocks disagree. No accepted
 * write is lost or stored twice.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { makeStaleRefusal, put, readCurrentTag, readTag, sendPut } from './support/conditional.ts';
import { countCalls } from './support/d1.ts';
import {
  buildPath,
  claims,
  createWorker,
  DB,
  expectRefusedUpdate,
  expectUnbroken,
  mintToken,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

describe('concurrent writers', () => {
  const writers = Array.from({ length: 50 }, (_, n) => n);

  it('accepts exactly one of 50 writers with the same If-Match, and loses no value', async () => {
    const row = await storeEvaluation();
    for (const round of [1, 2, 3]) {
      const ifMatch = readTag(await sendPut(row, round, { sub: 'referee' }));

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

  it('leaves one value and an unbroken history after 50 concurrent writers without If-Match', async () => {
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
    expect(new Set(answers.map(readTag)).size).toBe(50);
  });
});

describe('a repeated update', () => {
  it('changes nothing if the same caller sends the same value again: same row, same tag, no history', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 9);
    const history = await readHistory(row.id);
    const { db, calls } = countCalls(DB);

    const second = await sendPut(row, 9, { send: createWorker({ DB: db }) });

    expect(second.status).toBe(200);
    expect(readTag(second)).toBe(readTag(first));
    expect(await second.json()).toEqual(await first.json());
    expect(await readHistory(row.id)).toEqual(history);
    expect(calls).toEqual(['batch']);
  });

  it('refuses to repeat a conditional update if another caller has written since', async () => {
    const row = await storeEvaluation();
    const ifMatch = await readCurrentTag(row);
    await sendPut(row, 9, { ifMatch });
    const other = await sendPut(row, 5, { sub: 'other' });

    await expectRefusedUpdate(row, await put(row, 9, ifMatch), makeStaleRefusal(readTag(other)));
  });

  it('stores the same value from another caller as a change of the author', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 9, { sub: 'judge' });

    const confirmed = await sendPut(row, 9, { sub: 'reviewer' });

    expect(readTag(confirmed)).not.toBe(readTag(first));
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9, updated_by: 'reviewer' });
    expect(await readHistory(row.id)).toMatchObject([
      { value: 3, replaced_by: 'judge' },
      { value: 9, updated_by: 'judge', replaced_by: 'reviewer' },
    ]);
  });

  it('stores the value that its creator confirms as an update, with an author and a time', async () => {
    const row = await storeEvaluation({ created_by: 'user-123' });

    expect(await (await sendPut(row, row.value)).json()).toMatchObject({
      updated_by: 'user-123',
      updated_at: expect.any(String),
    });
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('accepts a repeated value that a newer label does not allow, and changes nothing', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 50);
    await storeLabel({ id: row.evaluation_label_id, min_value: 1, max_value: 10 });

    expect(readTag(await sendPut(row, 50))).toBe(readTag(first));
    await expectRefusedUpdate(
      row,
      await put(row, 51, null),
      makeUnprocessable('value must be between 1 and 10.'),
    );
    await expectRefusedUpdate(
      row,
      await put(row, 50, null, 'other'),
      makeUnprocessable('value must be between 1 and 10.'),
    );
  });

  it('updates a row that has an author and no time of an update', async () => {
    const row = await storeEvaluation({ updated_by: 'user-123' });

    expect(await (await sendPut(row, row.value)).json()).toMatchObject({
      updated_at: expect.any(String),
    });
  });

  it('treats 0 and -0 as the same value', async () => {
    const row = await storeEvaluation();
    const first = await sendPut(row, 0);
    const again = await worker(await request(buildPath(row), { body: '{"value":-0}' }));

    expect(readTag(again)).toBe(readTag(first));
  });
});

describe('updated_at', () => {
  it('increases updated_at with each update, also if the clocks of two edges differ', async () => {
    const row = await storeEvaluation();
    const ahead = createStillClock(new Date('2026-11-22T10:00:00.000Z'));
    const behind = createStillClock(new Date('2026-11-22T09:59:59.000Z'));
    const exp = claims({}, ahead.now()).exp;
    const times = [];
    for (const [n, clock] of [ahead, ahead, behind, ahead, behind, behind].entries()) {
      const sent = await request(buildPath(row), {
        body: JSON.stringify({ value: n }),
        headers: { authorization: `Bearer ${await mintToken({ exp })}` },
      });
      await createWorker({}, clock)(sent);
      times.push((await readEvaluation(row.id))?.updated_at);
    }

    expect(times).toEqual([0, 1, 2, 3, 4, 5].map((n) => `2026-11-22T10:00:00.00${n}Z`));
  });

  it('increases updated_at by one millisecond over the end of a second, a day and a year', async () => {
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

  it('sets updated_at later than created_at, also if a clock ahead created the row', async () => {
    const row = await storeEvaluation({ created_at: '2099-01-01T00:00:00.000Z' });

    expect(await (await sendPut(row, 9)).json()).toMatchObject({
      updated_at: '2099-01-01T00:00:00.001Z',
    });
  });
});
