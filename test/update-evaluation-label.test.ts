/** Tests updateEvaluationLabel. An update never changes the label's rule. */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable, NOT_FOUND } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { countCalls, makeFlakyD1 } from './support/d1.ts';
import {
  buildLabelPath,
  claims,
  createWorker,
  DB,
  expectRefusal,
  formatLabel,
  get,
  type Label,
  mintToken,
  readLabel,
  request,
  requirePresent,
  type Send,
  storeLabel,
  worker,
} from './support/worker.ts';

type Put = {
  sub?: string;
  headers?: Record<string, string>;
  said?: Record<string, unknown>;
  send?: Send;
};

async function put(
  label: { id: string },
  body: object,
  { sub = 'user-123', headers, said, send = worker }: Put = {},
) {
  const authorization = `Bearer ${await mintToken({ sub, ...said })}`;
  const sent = { authorization, ...headers };
  return send(await request(buildLabelPath(label), { body: JSON.stringify(body), headers: sent }));
}

const RULED = {
  value_type: 'categorical',
  categories: '["formal","casual"]',
  description: 'How it sounds',
};

async function expectRefusedPut(
  label: Label,
  response: Response,
  refusal: Parameters<typeof expectRefusal>[1],
) {
  await expectRefusal(response, refusal);
  expect(await readLabel(label.id, label.account_id)).toEqual(label);
}

const makeStaleRefusal = (label: Label) => ({
  status: 412,
  error:
    'The evaluation label is not as If-Match expects it: get it again, and send its present ETag.',
  headers: {
    etag: `"${label.updated_at ?? label.created_at}"`,
    'cache-control': 'no-store, no-transform',
  },
});

describe('updateEvaluationLabel', () => {
  it('answers 200 with the label as stored and a new entity tag, in one call to D1, and changes only what is sent', async () => {
    const clock = createStillClock();
    const [{ db, calls }, said] = [countCalls(DB), { exp: claims({}, clock.now()).exp }];
    const now = '2026-11-22T10:11:12.345Z';
    for (const [body, changed] of [
      [{ name: 'Tone' }, { name: 'Tone' }],
      [{ description: 'x' }, { description: 'x' }],
      [{ description: null }, { description: null }],
      [{ archived: true }, { archived_at: now }],
      [{ archived: false }, {}],
    ] as [object, Partial<Label>][]) {
      const label = await storeLabel(RULED);

      const response = await put(label, body, {
        sub: 'editor',
        said,
        send: createWorker({ DB: db }, clock),
      });

      const stored = { ...label, ...changed, updated_by: 'editor', updated_at: now };
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual(formatLabel(stored));
      expect(response.headers.get('etag')).toBe(`"${now}"`);
      expect(await readLabel(label.id)).toEqual(stored);
    }
    expect(new Set(calls)).toEqual(new Set(['batch']));
    expect(calls).toHaveLength(5);
  });

  it('archives once, and unarchives', async () => {
    const label = await storeLabel();
    const archived = await (await put(label, { archived: true })).json<Label>();
    const renamed = await (await put(label, { archived: true, name: 'old tone' })).json<Label>();
    const unarchived = await (await put(label, { archived: false })).json<Label>();

    expect(archived.archived_at).toBe(archived.updated_at);
    expect(renamed).toMatchObject({ name: 'old tone', archived_at: archived.archived_at });
    expect(unarchived).toMatchObject({ name: 'old tone', archived_at: null });
  });

  it('returns a time that grows with each change, even if the clocks of two edges disagree', async () => {
    const label = await storeLabel({ updated_by: 'a', updated_at: '2026-12-01T00:00:00.000Z' });
    const clock = createStillClock();
    const said = { exp: claims({}, clock.now()).exp };

    const response = await put(label, { archived: true }, { said, send: createWorker({}, clock) });

    const later = '2026-12-01T00:00:00.001Z';
    expect(await response.json()).toMatchObject({ updated_at: later, archived_at: later });
  });

  it('accepts the whole object as it was got, with what can change edited, twice in a row', async () => {
    for (const fields of [
      RULED,
      { min_value: 0.1, max_value: 1.7976931348623157e308 },
      { min_value: -5e-324 },
    ]) {
      const label = await storeLabel(fields);
      const got = await (await worker(await get(buildLabelPath(label)))).json<object>();

      const first = await put(label, { ...got, name: 'Tone', archived: true });
      expect(first.status).toBe(200);
      const again = await put(label, {
        ...(await first.json<object>()),
        description: null,
        archived: false,
      });

      expect(again.status).toBe(200);
      expect(await again.json()).toMatchObject({
        name: 'Tone',
        description: null,
        archived_at: null,
      });
      expect((await put(label, got)).status).toBe(200);
    }
  });

  it.each([{}, { 'idempotency-key': 'a' }])(
    'returns the stored label if a caller repeats the whole object with archived: %j',
    async (headers) => {
      const label = await storeLabel();
      const got = await (await worker(await get(buildLabelPath(label)))).json<object>();
      const body = { ...got, name: 'Tone', archived: true };
      const first = await put(label, body, { headers });
      expect(first.status).toBe(200);

      const again = await put(label, body, { headers });

      expect(again.status).toBe(200);
      expect(await again.json()).toEqual(await first.json());
    },
  );

  it('treats an id in upper case, the same time in another spelling and the same categories as unchanged', async () => {
    const text = ['"', '\\', '\0x', '\u0001', '\u2028', '\u{1f600}', '/', '\t'];
    const label = await storeLabel({ ...RULED, categories: JSON.stringify(text) });

    for (const same of [
      { id: label.id.toUpperCase() },
      { created_at: '2026-01-02T04:34:05.678+01:30' },
      { categories: text },
      { updated_by: 'mallory', updated_at: 7, color: 'red' },
    ]) {
      expect((await put(label, { name: 'tone', ...same })).status).toBe(200);
    }
  });

  it.each<[keyof Label, unknown]>([
    ['id', '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01'],
    ['account_id', 'shared'],
    ['value_type', 'ordinal'],
    ['value_type', null],
    ['min_value', 0],
    ['max_value', '1'],
    ['categories', ['casual', 'formal']],
    ['categories', ['formal', 'casual', 'rude']],
    ['categories', ['formal', 7]],
    ['categories', '["formal","casual"]'],
    ['categories', null],
    ['archived_at', '2026-02-01T00:00:00.000Z'],
    ['archived_at', false],
    ['created_by', 'mallory'],
    ['created_at', '2020-01-01T00:00:00.000Z'],
  ])('refuses another %s by name with 422, whatever else is sent: %j', async (field, value) => {
    const label = await storeLabel(RULED);
    const refusal = makeUnprocessable(
      `${field} cannot be changed: leave it out, or send it as it is stored.`,
    );

    await expectRefusedPut(label, await put(label, { name: 'other', [field]: value }), refusal);
    await expectRefusedPut(
      label,
      await put(label, { ...formatLabel(label), archived: true, [field]: value }),
      refusal,
    );
  });

  it.each<[string, unknown]>([
    ['an infinity', '1e400'],
    ['the next double', '0.30000000000000004'],
    ['nothing', 'null'],
  ])('refuses %s in place of a bound', async (_, raw) => {
    const label = await storeLabel({ min_value: 0.3 });
    const sent = await request(buildLabelPath(label), { body: `{"name":"a","min_value":${raw}}` });

    const refusal = makeUnprocessable(
      'min_value cannot be changed: leave it out, or send it as it is stored.',
    );
    await expectRefusedPut(label, await worker(sent), refusal);
  });

  it.each<[string, object, string]>([
    [
      'nothing',
      {},
      'The body must have name, description or archived: nothing else of a label can change.',
    ],
    [
      'only what cannot change',
      { value_type: 'continuous' },
      'The body must have name, description or archived: nothing else of a label can change.',
    ],
    ['no name', { name: null }, 'name must be a string.'],
    ['an empty name', { name: '' }, 'name must not be empty.'],
    [
      'a name of 256 characters',
      { name: 'a'.repeat(256) },
      'name must be at most 255 characters long.',
    ],
    [
      'a description that is a number',
      { description: 7 },
      'description must be a string, or null.',
    ],
    ['archived that is text', { archived: 'yes' }, 'archived must be true or false.'],
    ['archived that is null', { archived: null }, 'archived must be true or false.'],
  ])('answers 400 to %s', async (_, body, error) => {
    const label = await storeLabel();

    await expectRefusedPut(label, await put(label, body), { status: 400, error });
  });

  it('changes a shared label for a token of the account shared, and is missing for any other', async () => {
    const label = await storeLabel({ account_id: 'shared' });

    await expectRefusedPut(label, await put(label, { name: 'mine' }), NOT_FOUND);
    expect(
      (await put(label, { name: 'everyone\u2019s' }, { said: { account_id: 'shared' } })).status,
    ).toBe(200);
    expect(await readLabel(label.id, 'shared')).toMatchObject({ name: 'everyone\u2019s' });
  });

  it('changes only the account\u2019s own label, if other labels have the same id', async () => {
    const own = await storeLabel();
    const neighbour = await storeLabel({ id: own.id, account_id: 'acc_neighbour' });
    const shared = await storeLabel({ id: own.id, account_id: 'shared' });

    expect((await put(own, { archived: true })).status).toBe(200);

    for (const other of [neighbour, shared])
      expect(await readLabel(own.id, other.account_id)).toEqual(other);
  });

  it('answers 404 to the update of a label with a token that is restricted to a run or an evaluation', async () => {
    const label = await storeLabel();
    for (const restriction of ['run_id', 'evaluation_id']) {
      const said = { [restriction]: crypto.randomUUID() };
      await expectRefusedPut(label, await put(label, { archived: true }, { said }), NOT_FOUND);
    }
  });
});

describe('If-Match on the update of a label', () => {
  it('lets one of two editors win, and tells the other the current tag', async () => {
    const label = await storeLabel();
    const headers = { 'if-match': `"${label.created_at}"` };
    const answers = await Promise.all(
      ['a', 'b'].map((sub) => put(label, { name: `by ${sub}` }, { sub, headers })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const winner = answers.find(({ status }) => status === 200);
    expect(winner && (await winner.json())).toEqual(
      formatLabel(requirePresent(await readLabel(label.id))),
    );
    expect(new Set(answers.map((answer) => answer.headers.get('etag'))).size).toBe(1);
  });

  it('answers 412 to an old tag also for a label that is stored already, and before a field that cannot change', async () => {
    const label = await storeLabel();
    const headers = { 'if-match': `"${label.created_at}"` };
    await put(label, { name: 'Tone' }, { headers });
    const stored = requirePresent(await readLabel(label.id));

    await expectRefusedPut(
      stored,
      await put(label, { name: 'Tone' }, { headers }),
      makeStaleRefusal(stored),
    );
    await expectRefusedPut(
      stored,
      await put(label, { name: 'a', value_type: 'binary' }, { headers }),
      makeStaleRefusal(stored),
    );
    await expectRefusal(
      await put({ id: crypto.randomUUID() }, { name: 'a' }, { headers }),
      NOT_FOUND,
    );
  });

  it('keeps a repeated update from undoing another caller\u2019s', async () => {
    const label = await storeLabel();
    const headers = { 'if-match': `"${label.created_at}"`, 'idempotency-key': 'a' };
    await put(label, { name: 'first' }, { headers });
    await put(label, { name: 'second' }, { sub: 'other' });

    expect((await put(label, { name: 'first' }, { headers })).status).toBe(412);
    expect(await readLabel(label.id)).toMatchObject({ name: 'second' });
  });
});

describe('a repeated update of a label', () => {
  const readTag = (response: Response) => response.headers.get('etag');

  it('changes nothing by the same caller\u2019s repeated update, and changes the author by another\u2019s', async () => {
    const label = await storeLabel({ name: 'tone' });
    const first = await put(label, { name: 'tone' });
    const again = await put(label, { name: 'tone', archived: false });
    const other = await put(label, { name: 'tone' }, { sub: 'other' });

    expect(readTag(first)).not.toBe(`"${label.created_at}"`);
    expect(readTag(again)).toBe(readTag(first));
    expect(readTag(other)).not.toBe(readTag(first));
  });

  it('changes nothing by a repeated update of the name alone if the label has a description', async () => {
    const label = await storeLabel({ name: 'tone', description: 'How it sounds' });

    const [first, again] = [await put(label, { name: 'Tone' }), await put(label, { name: 'Tone' })];

    expect(readTag(again)).toBe(readTag(first));
  });

  it('refuses a field that cannot change in a repeated update', async () => {
    const label = await storeLabel();
    await put(label, { name: 'Tone' });
    const stored = requirePresent(await readLabel(label.id));

    const refusal = makeUnprocessable(
      'value_type cannot be changed: leave it out, or send it as it is stored.',
    );
    await expectRefusedPut(
      stored,
      await put(label, { name: 'Tone', value_type: 'binary' }),
      refusal,
    );
  });

  it('answers a repeated key with what it stored, also under a precondition that was true only before it', async () => {
    const label = await storeLabel();
    const headers = { 'idempotency-key': 'a', 'if-match': `"${label.created_at}"` };
    const first = await put(label, { name: 'Tone', archived: true }, { headers });
    const again = await put(label, { name: 'Tone', archived: true }, { headers });

    expect([first.status, again.status]).toEqual([200, 200]);
    expect(await again.json()).toEqual(await first.json());
    expect(readTag(again)).toBe(readTag(first));
  });

  it('answers 422 to a repeated key with other content', async () => {
    const label = await storeLabel();
    const headers = { 'idempotency-key': 'a' };
    await put(label, { name: 'Tone' }, { headers });
    const stored = requirePresent(await readLabel(label.id));

    const refusal = makeUnprocessable(
      'The Idempotency-Key was sent to this label before, with another update: send a new key with a new update.',
    );
    for (const body of [
      { name: 'Voice' },
      { name: 'Tone', archived: true },
      { description: 'x' },
    ]) {
      await expectRefusedPut(stored, await put(label, body, { headers }), refusal);
    }
  });

  it('stores a new key as a new update, also of the same content by the same caller', async () => {
    const label = await storeLabel();
    const first = await put(label, { name: 'Tone' }, { headers: { 'idempotency-key': 'a' } });
    const second = await put(label, { name: 'Tone' }, { headers: { 'idempotency-key': 'b' } });

    expect(readTag(second)).not.toBe(readTag(first));
  });

  it('recognises a repetition only of the label\u2019s last update', async () => {
    const label = await storeLabel();
    const headers = { 'idempotency-key': 'a' };
    await put(label, { name: 'first' }, { headers });
    await put(label, { name: 'second' }, { sub: 'other' });

    expect(await (await put(label, { name: 'first' }, { headers })).json()).toMatchObject({
      name: 'first',
    });
  });

  it('repeats the update of a label if a response is lost after the commit, and stores nothing twice', async () => {
    for (const headers of [{}, { 'if-match': '"2026-01-02T03:04:05.678Z"' }]) {
      const label = await storeLabel();
      const { db, calls } = makeFlakyD1(DB, 'Network connection lost.', 'is lost', 'succeeds');
      const clock = createStillClock();
      const said = { exp: claims({}, clock.now()).exp };

      const response = await put(
        label,
        { archived: true },
        { headers, said, send: createWorker({ DB: db }, clock) },
      );

      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ updated_at: '2026-11-22T10:11:12.345Z' });
      expect(calls).toEqual(['batch', 'batch']);
    }
  });
});

describe('a console', () => {
  const sql = (query: string, ...values: unknown[]) =>
    DB.prepare(query)
      .bind(...values)
      .run();

  it('changes the entity tag with each change at a console, whether it sets updated_at or not', async () => {
    const label = await storeLabel({ updated_by: 'a', updated_at: '2099-01-01T00:00:00.000Z' });
    const seen = new Set([label.updated_at]);
    for (const change of [
      `name = 'a'`,
      `description = 'b'`,
      `archived_at = '2026-02-01T00:00:00.000Z'`,
      `updated_by = 'console'`,
      `updated_at = NULL`,
      `updated_at = '2020-01-01T00:00:00.000Z'`,
      `write_id = lower(hex(randomblob(16)))`,
    ]) {
      await sql(`UPDATE evaluation_label SET ${change} WHERE id = ?`, label.id);
      seen.add(requirePresent(await readLabel(label.id)).updated_at);
    }

    expect([...seen]).toEqual(Array.from({ length: 8 }, (_, n) => `2099-01-01T00:00:00.00${n}Z`));
  });

  it('keeps the entity tag if a console changes nothing', async () => {
    const label = await storeLabel();

    await sql('UPDATE evaluation_label SET name = name WHERE id = ?', label.id);

    expect(await readLabel(label.id)).toEqual(label);
  });

  it('gives the write of a console a name, so that no repetition takes it for the update before', async () => {
    const label = await storeLabel();
    await put(label, { name: 'Tone' }, { headers: { 'idempotency-key': 'a' } });
    await sql(`UPDATE evaluation_label SET description = 'by hand' WHERE id = ?`, label.id);
    const { updated_at } = requirePresent(await readLabel(label.id));

    const again = await put(label, { name: 'Tone' }, { headers: { 'idempotency-key': 'a' } });

    expect((await again.json<Label>()).updated_at).not.toBe(updated_at);
  });
});
