/** Tests createEvaluationLabel. A repeated create stores no second label. */
import { describe, expect, it } from 'vitest';
import { LABEL_ID_IS_TAKEN, makeUnprocessable, NOT_FOUND } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { countCalls, makeFlakyD1 } from './support/d1.ts';
import {
  ACCOUNT,
  buildLabelPath,
  claims,
  createWorker,
  DB,
  expectRefusal,
  formatLabel,
  get,
  type Label,
  makeAccount,
  mintToken,
  readLabel,
  request,
  requirePresent,
  type Send,
  storeLabel,
  worker,
} from './support/worker.ts';

type Create = { claims?: Record<string, unknown>; key?: string; send?: Send };

async function create(
  body: object,
  { claims: said = {}, key, send = worker }: Create = {},
): Promise<Response> {
  const headers = {
    authorization: `Bearer ${await mintToken(said)}`,
    'idempotency-key': key ?? null,
  };
  return send(
    await request('/v1/evaluation-labels', { method: 'POST', headers, body: JSON.stringify(body) }),
  );
}

const update = async (id: string, body: object) =>
  worker(await request(buildLabelPath({ id }), { body: JSON.stringify(body) }));

const countLabels = async (account_id: string) =>
  DB.prepare('SELECT count(*) AS count FROM evaluation_label WHERE account_id = ?')
    .bind(account_id)
    .first('count');

const QUALITY = { name: 'Response Quality', value_type: 'continuous', min_value: 1, max_value: 10 };

describe('createEvaluationLabel', () => {
  it('answers 201 with the label as stored, its place and its entity tag, in one call to D1', async () => {
    const { db, calls } = countCalls(DB);
    const clock = createStillClock();
    const said = { sub: 'user-42', exp: claims({}, clock.now()).exp };
    const content = { ...QUALITY, description: 'Overall quality of the response' };

    const response = await create(content, { claims: said, send: createWorker({ DB: db }, clock) });

    expect(response.status).toBe(201);
    const label = await response.json<Label>();
    expect(label).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      account_id: ACCOUNT,
      ...content,
      categories: null,
      archived_at: null,
      created_by: 'user-42',
      created_at: '2026-11-22T10:11:12.345Z',
      updated_by: null,
    });
    expect(await readLabel(label.id)).toEqual({ ...label, updated_at: null });
    expect(response.headers.get('location')).toBe(`/v1/evaluation-label/${label.id}`);
    expect(response.headers.get('etag')).toBe('"2026-11-22T10:11:12.345Z"');
    expect(calls).toEqual(['batch']);
  });

  it.each([
    {
      name: 'Factual Accuracy',
      description: 'Is the response factually correct?',
      value_type: 'binary',
    },
    { ...QUALITY, description: 'Overall quality of the response' },
    {
      name: 'Tone',
      value_type: 'categorical',
      categories: ['formal', 'casual', 'technical', 'friendly'],
    },
    { name: 'Anything', value_type: 'continuous', min_value: null, categories: null },
    { name: 'At least', value_type: 'continuous', min_value: -1.5 },
    { name: 'One point', value_type: 'continuous', min_value: 7, max_value: 7 },
    {
      name: 'Edges',
      value_type: 'continuous',
      min_value: -1.7976931348623157e308,
      max_value: 5e-324,
    },
    { name: 'Severity', value_type: 'ordinal', categories: ['none'] },
    {
      name: ' ',
      description: '',
      value_type: 'ordinal',
      categories: ['"', '\\', '\0', '\u2028', '\u{1f600}', 'é'],
    },
  ])('stores $name, and returns it exactly as it was sent', async (content) => {
    const { id } = await (await create(content)).json<Label>();

    const got = await (await worker(await get(buildLabelPath({ id })))).json();

    const absent = { description: null, min_value: null, max_value: null, categories: null };
    expect(got).toMatchObject({ ...absent, ...content });
    expect(formatLabel(requirePresent(await readLabel(id)))).toEqual(got);
  });

  const NEEDED = 'The body must have the properties name, a string, and value_type.';
  const CATEGORIES =
    'categories must be 1 to 1000 different strings of Unicode text, each of 1 to 255 characters.';
  const FOR_CONTINUOUS = 'min_value and max_value are for a continuous label only: leave them out.';
  const FOR_INDEX =
    'categories are for a categorical or ordinal label, which must have them, and for no other.';
  const categorical = (...categories: unknown[]) => ({
    name: 'a',
    value_type: 'categorical',
    categories,
  });
  it.each<[string, object, string]>([
    ['nothing', {}, NEEDED],
    ['no name', { value_type: 'binary' }, NEEDED],
    ['no type', { name: 'a' }, NEEDED],
    ['a name that is a number', { name: 7, value_type: 'binary' }, 'name must be a string.'],
    ['an empty name', { name: '', value_type: 'binary' }, 'name must not be empty.'],
    [
      'a name of 256 characters',
      { name: 'é'.repeat(256), value_type: 'binary' },
      'name must be at most 255 characters long.',
    ],
    [
      'a name that is no Unicode text',
      { name: 'a\ud800', value_type: 'binary' },
      'name must be Unicode text: it contains half of a surrogate pair.',
    ],
    [
      'a description that is a list',
      { name: 'a', description: [], value_type: 'binary' },
      'description must be a string, or null.',
    ],
    [
      'a description of 4,097 characters',
      { name: 'a', description: 'a'.repeat(4097), value_type: 'binary' },
      'description must be at most 4096 characters long.',
    ],
    [
      'an unknown type',
      { name: 'a', value_type: 'percentage' },
      'value_type must be binary, continuous, categorical or ordinal.',
    ],
    [
      'a bound that is text',
      { ...QUALITY, min_value: '1' },
      'min_value must be a JSON number, or null: send it without quotes.',
    ],
    [
      'bounds out of order',
      { ...QUALITY, min_value: 11 },
      'min_value must not be greater than max_value.',
    ],
    [
      'a bound of a binary label',
      { name: 'a', value_type: 'binary', max_value: 1 },
      FOR_CONTINUOUS,
    ],
    [
      'a bound of an ordinal label',
      { ...categorical('a'), value_type: 'ordinal', min_value: 0 },
      FOR_CONTINUOUS,
    ],
    ['no categories', { name: 'a', value_type: 'categorical' }, FOR_INDEX],
    ['categories of a continuous label', { ...QUALITY, categories: ['a'] }, FOR_INDEX],
    ['categories that are text', { ...categorical(), categories: 'abc' }, CATEGORIES],
    ['an empty list of categories', categorical(), CATEGORIES],
    [
      '1,001 categories',
      categorical(...Array.from({ length: 1001 }, (_, n) => `${n}`)),
      CATEGORIES,
    ],
    ['the same category twice', categorical('a', 'b', 'a'), CATEGORIES],
    ['an empty category', categorical('a', ''), CATEGORIES],
    ['a category that is null', categorical('a', null), CATEGORIES],
    ['a category of 256 characters', categorical('é'.repeat(256)), CATEGORIES],
    ['a category that is no Unicode text', categorical('a\ud800'), CATEGORIES],
    [
      'an id that is no UUID',
      { ...QUALITY, id: 'quality' },
      'id must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
    ],
  ])('answers 400 to %s, and stores nothing', async (_, body, error) => {
    const account_id = makeAccount();

    await expectRefusal(await create(body, { claims: { account_id } }), { status: 400, error });

    expect(await countLabels(account_id)).toBe(0);
  });

  it('answers 400 to a bound that is too large for a double', async () => {
    const body = '{"name":"a","value_type":"continuous","max_value":1e400}';

    await expectRefusal(
      await worker(await request('/v1/evaluation-labels', { method: 'POST', body })),
      {
        status: 400,
        error: 'max_value must be a finite number: it is outside the range of a double.',
      },
    );
  });

  it.each<[string, unknown]>([
    ['account_id', 'shared'],
    ['account_id', null],
    ['created_by', 'mallory'],
    ['created_by', 7],
    ['created_at', '2020-01-01T00:00:00.000Z'],
    ['archived', true],
    ['archived_at', '2020-01-01T00:00:00.000Z'],
  ])(
    'refuses what the server sets with 422, by name, and stores nothing: %s (%s)',
    async (field, sent) => {
      const account_id = makeAccount();

      const response = await create({ ...QUALITY, [field]: sent }, { claims: { account_id } });

      await expectRefusal(
        response,
        makeUnprocessable(`${field} is set by the server: leave it out.`),
      );
      expect(await countLabels(account_id)).toBe(0);
    },
  );

  it('accepts what the server sets if it is what will be stored, and ignores what it does not know', async () => {
    const known = {
      account_id: ACCOUNT,
      created_by: 'user-123',
      archived: false,
      archived_at: null,
    };

    const response = await create({
      ...QUALITY,
      ...known,
      updated_by: 'x',
      updated_at: 7,
      color: 'red',
    });

    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ ...QUALITY, updated_by: null });
  });

  it('makes a shared label for a token of the account shared, which everyone sees', async () => {
    const { id, account_id } = await (
      await create(QUALITY, { claims: { account_id: 'shared' } })
    ).json<Label>();

    expect(account_id).toBe('shared');
    expect(await (await worker(await get(buildLabelPath({ id })))).json()).toMatchObject({
      id,
      account_id: 'shared',
    });
  });

  it('answers 404 to the create of a label with a token that is restricted to a run or an evaluation', async () => {
    for (const restriction of ['run_id', 'evaluation_id']) {
      const account_id = makeAccount();
      const restricted = { account_id, [restriction]: crypto.randomUUID() };

      await expectRefusal(await create(QUALITY, { claims: restricted }), NOT_FOUND);

      expect(await countLabels(account_id)).toBe(0);
    }
  });

  it('stores one label for each create without an id and a key', async () => {
    const account_id = makeAccount();
    for (const _ of [1, 2])
      expect((await create(QUALITY, { claims: { account_id } })).status).toBe(201);

    expect(await countLabels(account_id)).toBe(2);
  });
});

describe('a repeated create of a label', () => {
  const makeBodyWithId = () => ({ id: crypto.randomUUID(), ...QUALITY, description: 'first' });

  it('answers 200 to the repeated create of a label, with the label as it is now', async () => {
    const body = makeBodyWithId();
    const first = await create(body);
    expect((await create(body)).status).toBe(200);
    await update(body.id, { name: 'Quality', description: null, archived: true });

    const again = await create({ ...body, id: body.id.toUpperCase() });

    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.headers.get('location')).toBe(`/v1/evaluation-label/${body.id}`);
    const stored = await readLabel(body.id);
    expect(stored).toMatchObject({
      name: 'Quality',
      description: null,
      archived_at: expect.any(String),
    });
    expect(await again.json()).toEqual(formatLabel(requirePresent(stored)));
  });

  it.each<[string, object]>([
    ['name', { name: 'Quality' }],
    ['description', { description: 'second' }],
    ['description, left out', { description: undefined }],
    ['value_type', { value_type: 'binary', min_value: null, max_value: null }],
    ['min_value', { min_value: 0 }],
    ['max_value, left out', { max_value: undefined }],
  ])(
    'answers 409 to a repeated create with another %s, even if an update has set it since, and stores nothing',
    async (_, change) => {
      const body = makeBodyWithId();
      await create(body);
      const stored = await readLabel(body.id);

      await expectRefusal(await create({ ...body, ...change }), LABEL_ID_IS_TAKEN);
      expect(await readLabel(body.id)).toEqual(stored);

      await update(body.id, { name: 'Quality', description: 'second' });
      await expectRefusal(await create({ ...body, ...change }), LABEL_ID_IS_TAKEN);
    },
  );

  it('answers 409 to a repeated create with the categories in another order', async () => {
    const body = {
      id: crypto.randomUUID(),
      name: 'Tone',
      value_type: 'ordinal',
      categories: ['formal', 'casual'],
    };
    const created = await create(body);

    expect(await (await create(body)).json()).toEqual(await created.json());
    await expectRefusal(
      await create({ ...body, categories: ['casual', 'formal'] }),
      LABEL_ID_IS_TAKEN,
    );
  });

  it('stores a label under an id that another account uses', async () => {
    const body = makeBodyWithId();
    await create(body);

    expect((await create(body, { claims: { account_id: makeAccount() } })).status).toBe(201);
    // Both accounts have a label with this id. A search by id alone would find the label of `acc_0`,
    // which comes first in the primary key.
    expect((await create({ ...body, name: 'x' }, { claims: { account_id: 'acc_0' } })).status).toBe(
      201,
    );
    expect((await create(body)).status).toBe(200);
  });

  it('refuses created_by with the caller\u2019s own name if somebody else created the label', async () => {
    const body = makeBodyWithId();
    await create(body);

    expect((await create(body, { claims: { sub: 'other' } })).status).toBe(200);
    const refusal = makeUnprocessable('created_by is set by the server: leave it out.');
    await expectRefusal(
      await create({ ...body, created_by: 'other' }, { claims: { sub: 'other' } }),
      refusal,
    );
  });

  it('stores one label for 20 concurrent creates with one id', async () => {
    const account_id = makeAccount();
    const body = makeBodyWithId();

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => create(body, { claims: { account_id } })),
    );

    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(await countLabels(account_id)).toBe(1);
  });

  it('repeats the create of a label if a response is lost after the commit, and answers 201', async () => {
    const account_id = makeAccount();
    const { db, calls } = makeFlakyD1(DB, 'Network connection lost.', 'is lost', 'succeeds');

    const response = await create(QUALITY, {
      claims: { account_id },
      send: createWorker({ DB: db }, createStillClock(new Date())),
    });

    expect(response.status).toBe(201);
    expect(calls).toEqual(['batch', 'batch']);
    expect(await countLabels(account_id)).toBe(1);
  });

  it('makes a label\u2019s id from the Idempotency-Key, and answers a repetition with 200', async () => {
    const said = { account_id: makeAccount() };
    const first = await create(QUALITY, { claims: said, key: 'setup-1' });
    const again = await create(QUALITY, { claims: said, key: 'setup-1' });

    expect([first.status, again.status]).toEqual([201, 200]);
    const label = await first.json<Label>();
    expect(label.id).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(await again.json()).toEqual(label);
    await expectRefusal(
      await create({ ...QUALITY, name: 'Quality' }, { claims: said, key: 'setup-1' }),
      {
        status: 409,
        error:
          'The Idempotency-Key was sent before, with other content: send a new key with new content.',
      },
    );
    for (const other of [{ ...said, sub: 'other' }, { account_id: makeAccount() }]) {
      expect((await create(QUALITY, { claims: other, key: 'setup-1' })).status).toBe(201);
    }
  });
});

describe('the id of a shared label', () => {
  it('refuses the id of a shared label to every account', async () => {
    const { id } = await storeLabel({ account_id: 'shared', min_value: 1, max_value: 10 });

    await expectRefusal(
      await create({ id, name: 'mine', value_type: 'binary' }),
      LABEL_ID_IS_TAKEN,
    );

    expect(await readLabel(id)).toBeNull();
  });

  it('stores a shared label under an id that an account uses, and the account keeps its own label', async () => {
    const own = await storeLabel({ name: 'secret' });
    const shared = { id: own.id, ...QUALITY };

    const response = await create(shared, { claims: { account_id: 'shared' } });

    expect(response.status).toBe(201);
    expect(await (await worker(await get(buildLabelPath(own)))).json()).toEqual(formatLabel(own));
  });
});
