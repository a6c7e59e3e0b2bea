/**
 * Tests the rule of a label: the Worker stores a legal value unchanged, and refuses an illegal
 * value.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusedUpdate,
  type Label,
  putValue,
  readEvaluation,
  request,
  storeEvaluation,
  storeLabel,
  storeLabelled,
  worker,
} from './support/worker.ts';

const MAX = 1.7976931348623157e308;
const TINY = 5e-324;

const binary = { value_type: 'binary' };
const range = (min_value: number | null, max_value: number | null) => ({
  value_type: 'continuous',
  min_value,
  max_value,
});
const categorical = (...categories: unknown[]) => ({
  value_type: 'categorical',
  categories: JSON.stringify(categories),
});
const ordinal = (...categories: unknown[]) => ({
  value_type: 'ordinal',
  categories: JSON.stringify(categories),
});

const describeLabel = ({ value_type, min_value, max_value, categories }: Partial<Label>) =>
  [value_type, min_value ?? '', max_value ?? '', categories ?? ''].join(' ');
const cases = (rules: [Partial<Label>, number[], string?][]) =>
  rules.flatMap(([label, values, sentence]) =>
    values.map((value): [string, number, Partial<Label>, string] => [
      describeLabel(label),
      value,
      label,
      sentence ?? '',
    ]),
  );
const formatValue = (value: number) => (Object.is(value, -0) ? '-0' : String(value));

describe('a legal value', () => {
  it.each(
    cases([
      [binary, [0, -0, 1]],
      [range(1, 10), [1, 10, 1.5, 9.999999999999998]],
      [range(-1, 0), [-1, -TINY, -0, 0]],
      [range(0, null), [0, -0, TINY, MAX]],
      [range(null, 0), [0, -TINY, -MAX]],
      [range(null, null), [0, MAX, -MAX, 0.1]],
      [range(7, 7), [7]],
      [range(-MAX, MAX), [MAX, -MAX, 0]],
      [categorical('formal', 'casual', 'rude'), [0, -0, 1, 2]],
      [ordinal('bad', 'good'), [0, 1]],
      [categorical('\0', '\u{1f600}'), [0, 1]],
    ]),
  )('stores a legal value of a label "%s" as it is: %d', async (_, value, label) => {
    const row = await storeLabelled(label);

    const response = await worker(
      await request(buildPath(row), { body: `{"value":${formatValue(value)}}` }),
    );

    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: value + 0 });
  });
});

describe('an illegal value', () => {
  const three = 'value must be one of 0 (formal), 1 (casual), 2 (rude).';
  it.each(
    cases([
      [binary, [2, -1, 0.5, TINY, 1.0000000000000002, MAX], 'value must be 0 or 1.'],
      [
        range(1, 10),
        [0, 0.9999999999999999, 10.000000000000002, 11, -MAX, MAX],
        'value must be between 1 and 10.',
      ],
      [range(-1.5, 0), [TINY, -1.5000000000000002], 'value must be between -1.5 and 0.'],
      [range(0, null), [-TINY, -1], 'value must be at least 0.'],
      [range(null, 0), [TINY, 1], 'value must be at most 0.'],
      [range(7, 7), [6, 8], 'value must be between 7 and 7.'],
      [
        categorical('formal', 'casual', 'rude'),
        [3, -1, 0.5, 2.0000000000000004, TINY, -TINY, MAX, 9007199254740992],
        three,
      ],
      [ordinal('bad', 'good'), [2, 0.1, -1], 'value must be one of 0 (bad), 1 (good).'],
    ]),
  )(
    'refuses an illegal value of a label "%s", never clamps or rounds it: %d',
    async (_, value, label, sentence) => {
      const row = await storeLabelled(label);

      await expectRefusedUpdate(row, await putValue(row, value), makeUnprocessable(sentence));
    },
  );

  it('refuses an illegal value in one call to D1', async () => {
    const row = await storeLabelled(range(1, 10));
    const { db, calls } = countCalls(DB);
    const send = createWorker({ DB: db });

    await send(await putValue(row, 11));
    expect(calls).toEqual(['batch']);
    await send(await putValue(row, 10));
    expect(calls).toEqual(['batch', 'batch']);
  });

  it('refuses a value that is not a finite number as malformed, whatever the label', async () => {
    const row = await storeLabelled(binary);

    await expectRefusedUpdate(row, await request(buildPath(row), { body: '{"value":1e400}' }), {
      status: 400,
      error: 'value must be a finite number: it is outside the range of a double.',
    });
  });
});

describe.each(['own', 'shared'])('the rule of an %s label', (whose) => {
  it.each<[Partial<Label>, number[], number[]]>([
    [binary, [0, 1], [2, -1, 0.5]],
    [range(1, 10), [1, 10], [1 - 2 ** -52, 10 + 2 ** -49]],
    [range(1, null), [1, MAX], [0]],
    [range(null, 1), [1, -MAX], [2]],
    [categorical('a', 'b'), [0, 1], [-1, 2, 0.5]],
    [ordinal('a', 'b'), [0, 1], [-1, 2, 0.5]],
  ])('applies the same rule to creates and updates: %o', async (rule, legal, illegal) => {
    const { id } = await storeLabel({
      ...rule,
      ...(whose === 'shared' && { account_id: 'shared' }),
    });
    const row = await storeEvaluation({ evaluation_label_id: id });
    const path = `/v1/run/${row.run_id}/evaluations`;

    for (const [values, created, updated] of [
      [legal, 201, 200],
      [illegal, 422, 422],
    ] as const) {
      for (const value of values) {
        const body = JSON.stringify({ evaluation_label_id: id, value });
        expect((await worker(await request(path, { method: 'POST', body }))).status).toBe(created);
        expect((await worker(await putValue(row, value))).status).toBe(updated);
      }
    }
  });
});

describe('a label with many categories', () => {
  it('describes a label with many categories in a sentence of bounded length', async () => {
    const row = await storeLabelled(
      categorical(...Array.from({ length: 1000 }, (_, n) => `category-${n}`)),
    );
    const first = Array.from({ length: 19 }, (_, n) => `${n} (category-${n})`).join(', ');

    await expectRefusedUpdate(
      row,
      await putValue(row, 1000),
      makeUnprocessable(`value must be one of ${first}, … 999 (category-999).`),
    );
    expect((await worker(await putValue(row, 999))).status).toBe(200);
  });
});

describe('the account of a label', () => {
  it('applies the rule of a shared label to everyone', async () => {
    const row = await storeLabelled({ ...range(1, 10), account_id: 'shared' });

    await expectRefusedUpdate(
      row,
      await putValue(row, 11),
      makeUnprocessable('value must be between 1 and 10.'),
    );
  });

  it('does not apply the rule of another account\u2019s label, and nothing tells of that label', async () => {
    const row = await storeLabelled({ ...categorical('secret'), account_id: 'acc_neighbour' });

    expect((await worker(await putValue(row, 99.5))).status).toBe(200);
  });

  it('applies the account\u2019s own label if a shared one has the same id, even if the own one is archived', async () => {
    const row = await storeLabelled({ ...range(1, 10), archived_at: '2026-02-01T00:00:00.000Z' });
    await storeLabel({ id: row.evaluation_label_id, account_id: 'shared', ...binary });

    expect((await worker(await putValue(row, 7))).status).toBe(200);
    await expectRefusedUpdate(
      row,
      await putValue(row, 0),
      makeUnprocessable('value must be between 1 and 10.'),
    );
  });

  it('accepts any finite number while the label is missing', async () => {
    const row = await storeEvaluation();
    expect((await worker(await putValue(row, -123.456))).status).toBe(200);

    await storeLabel({ id: row.evaluation_label_id, ...binary });

    await expectRefusedUpdate(
      row,
      await putValue(row, 2),
      makeUnprocessable('value must be 0 or 1.'),
    );
    expect((await worker(await putValue(row, 1))).status).toBe(200);
  });
});

describe('a label that makes no sense', () => {
  it.each<[string, Partial<Label>]>([
    ['an unknown type', { value_type: 'percentage' }],
    ['bounds out of order', range(10, 1)],
    ['bounds of a type without them', { ...binary, min_value: 0 }],
    ['no categories', { value_type: 'categorical' }],
    ['an empty list of categories', categorical()],
    ['1,001 categories', categorical(...Array.from({ length: 1001 }, (_, n) => `${n}`))],
    [
      'more than 64 KiB of categories',
      categorical(...Array.from({ length: 255 }, (_, n) => `${n}`.padStart(255, '0'))),
    ],
    ['the same category twice', categorical('formal', 'casual', 'formal')],
    ['an empty category', categorical('formal', '')],
    ['a category of 256 characters', categorical('é'.repeat(256))],
    ['a category of 1,021 bytes behind a NUL', categorical(`\0${'é'.repeat(510)}`)],
    ['a category that is a number', categorical('formal', 7)],
    ['a category that is null', categorical(null, 'casual')],
    ['a category that is a list', ordinal(['formal'])],
    [
      'categories with white space between them',
      { value_type: 'ordinal', categories: '["a", "b"]' },
    ],
    ['an empty name', { ...binary, name: '' }],
    ['a name of 256 characters', { ...binary, name: 'é'.repeat(256) }],
    ['a description of 4,097 characters', { ...binary, description: 'é'.repeat(4097) }],
    ['a created_by of 256 characters', { ...binary, created_by: 'a'.repeat(256) }],
    ['an archived_at that is no time', { ...binary, archived_at: 'yesterday' }],
    ['a created_at of another zone', { ...binary, created_at: '2026-01-02T03:04:05.678+01:00' }],
    ['an updated_at that has no later time', { ...binary, updated_at: '9999-01-01T00:00:00.000Z' }],
    ['categories of a type without them', { ...binary, categories: '[]' }],
    ['categories that are not JSON', { value_type: 'ordinal', categories: '[' }],
    ['categories with a NUL in them', { value_type: 'ordinal', categories: '["a"]\0junk' }],
    ['categories that are an object', { value_type: 'ordinal', categories: '{"a":0}' }],
    ['no account', { ...binary, account_id: '' }],
    ['an id in upper case', { ...binary, id: '018F4D3C-7A10-7C4E-9B52-3F6E0D9A1C01' }],
  ])('the table refuses a label that makes no sense: %s', async (_, label) => {
    await expect(storeLabel(label)).rejects.toThrow(/SQLITE_CONSTRAINT/);
  });

  it('the table refuses an infinite bound', async () => {
    const written = DB.prepare(
      `INSERT INTO evaluation_label (id, account_id, name, value_type, max_value) VALUES (?, 'a', 'b', 'continuous', 9e999)`,
    ).bind(crypto.randomUUID());

    await expect(written.run()).rejects.toThrow(/evaluation_label_max_value_is_finite/);
  });
});
