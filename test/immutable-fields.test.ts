/**
 * Tests that an update changes only the value. The Worker refuses an update that changes another
 * field.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import {
  buildPath,
  expectRefusedUpdate,
  type Row,
  readEvaluation,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const immutable = (field: string) =>
  makeUnprocessable(`${field} cannot be changed: leave it out, or send it as it is stored.`);

const put = async (row: Row, body: object) =>
  request(buildPath(row), { body: JSON.stringify(body) });

const CHANGED: [keyof Row, unknown][] = [
  ['id', crypto.randomUUID()],
  ['account_id', 'acc_neighbour'],
  ['run_id', crypto.randomUUID()],
  ['output_name', 'Summary'],
  ['field_path', '$.text '],
  ['evaluation_label_id', crypto.randomUUID()],
  ['created_by', 'USER-7'],
  ['created_by_evaluator_id', crypto.randomUUID()],
  ['created_at', '2026-01-02T03:04:05.679Z'],
];

describe('the whole resource sent back', () => {
  it('accepts the whole resource with only its value edited, twice in a row', async () => {
    const row = await storeEvaluation();
    const got: object = await (await worker(await put(row, { value: 4 }))).json();

    const again = await worker(await put(row, { ...got, value: 5 }));

    expect(again.status).toBe(200);
    const gotAgain: object = await again.json();
    expect(gotAgain).toMatchObject({ ...got, value: 5, updated_at: expect.any(String) });
    expect((await worker(await put(row, { ...gotAgain, value: 6 }))).status).toBe(200);
  });

  it('accepts the whole resource of a row with every nullable field null', async () => {
    const row = await storeEvaluation({
      output_name: null,
      field_path: null,
      created_by: null,
      created_by_evaluator_id: null,
    });

    expect((await worker(await put(row, { ...row, value: 5 }))).status).toBe(200);
  });

  it('ignores updated_by and updated_at, whatever they are', async () => {
    const row = await storeEvaluation();
    for (const sent of ['mallory', null, 7, { a: 1 }, ['x']]) {
      expect(
        (await worker(await put(row, { value: 5, updated_by: sent, updated_at: sent }))).status,
      ).toBe(200);
    }
    expect(await readEvaluation(row.id)).toMatchObject({ updated_by: 'user-123' });
  });

  it('treats an id in upper case, and the same time in another spelling, as unchanged', async () => {
    const row = await storeEvaluation();
    const ids = ['id', 'run_id', 'evaluation_label_id', 'created_by_evaluator_id'] as const;
    for (const id of ids)
      expect(
        (await worker(await put(row, { value: 5, [id]: row[id]?.toUpperCase() }))).status,
      ).toBe(200);
    for (const created_at of [
      '2026-01-02T03:04:05.678000+00:00',
      '2026-01-02T04:34:05.678+01:30',
      '2026-01-02t03:04:05.678z',
    ]) {
      expect((await worker(await put(row, { value: 5, created_at }))).status).toBe(200);
    }
  });
});

describe('the time 0', () => {
  it('treats the time 0 in another spelling as unchanged', async () => {
    const row = await storeEvaluation({ created_at: '1970-01-01T00:00:00.000Z' });

    expect(
      (await worker(await put(row, { value: 5, created_at: '1970-01-01T00:00:00Z' }))).status,
    ).toBe(200);
  });
});

describe('a field that an update does not change', () => {
  it.each(CHANGED)('refuses a changed %s by name, and stores nothing', async (field, value) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await put(row, { value: 9, [field]: value }), immutable(field));
    await expectRefusedUpdate(
      row,
      await put(row, { ...row, value: 9, [field]: value }),
      immutable(field),
    );
  });

  it.each(CHANGED)('refuses %s by name if it is not text, however similar', async (field) => {
    const row = await storeEvaluation({
      output_name: '7',
      field_path: '["a"]',
      created_by: 'true',
    });
    for (const value of [7, true, ['a'], { a: 1 }]) {
      await expectRefusedUpdate(
        row,
        await put(row, { value: 9, [field]: value }),
        immutable(field),
      );
    }
  });

  it.each(CHANGED)('refuses %s by name if it is null', async (field) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await put(row, { value: 9, [field]: null }), immutable(field));
  });

  it('refuses a null field that is changed to text, even to the text null', async () => {
    const row = await storeEvaluation({ output_name: null });

    await expectRefusedUpdate(
      row,
      await put(row, { value: 9, output_name: 'null' }),
      immutable('output_name'),
    );
    await expectRefusedUpdate(
      row,
      await put(row, { value: 9, output_name: '' }),
      immutable('output_name'),
    );
  });

  it.each([
    '2026-01-02T03:04:05.6780001Z',
    '2026-01-02T03:04:05Z',
    '2026-01-02',
    '2026-13-02T03:04:05.678Z',
    '1767323045678',
    'yesterday',
  ])('refuses another created_at, or one that is no time: %s', async (created_at) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(
      row,
      await put(row, { value: 9, created_at }),
      immutable('created_at'),
    );
  });

  it('refuses a malformed value before an immutable field', async () => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await put(row, { value: '9', output_name: 7 }), {
      status: 400,
      error: 'value must be a JSON number: send it without quotes.',
    });
  });
});
