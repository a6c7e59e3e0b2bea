/** Tests createEvaluation. A repeated create stores no second row. */
import { describe, expect, it } from 'vitest';
import { ID_IS_TAKEN, makeUnprocessable } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { countCalls, interceptD1, makeFlakyD1 } from './support/d1.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  createWorker,
  DB,
  expectRefusal,
  get,
  mintToken,
  putValue,
  type Row,
  readEvaluation,
  readHistory,
  readRun,
  request,
  requirePresent,
  type Send,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

const LABEL_NOT_FOUND = {
  status: 404,
  error:
    'No such evaluation label: evaluation_label_id must name a label of the account, or a shared label.',
};

async function label(fields: Parameters<typeof storeLabel>[0] = {}): Promise<string> {
  const id = crypto.randomUUID();
  await storeLabel({ id, min_value: 1, max_value: 10, ...fields });
  return id;
}

type Create = { run?: string; token?: string; send?: Send };

async function create(
  body: object,
  { run = crypto.randomUUID(), token, send = worker }: Create = {},
): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return send(
    await request(`/v1/run/${run}/evaluations`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    }),
  );
}

describe('createEvaluation', () => {
  it('answers 201 with the row as stored, its place and its entity tag, in one call to D1', async () => {
    const run = crypto.randomUUID();
    const evaluation_label_id = await label();
    const { db, calls } = countCalls(DB);
    const clock = createStillClock();
    const token = await mintToken({ sub: 'user-42', exp: claims({}, clock.now()).exp });

    const content = { evaluation_label_id, value: 7.5, output_name: 'reply', field_path: '$.text' };
    const response = await create(content, { run, token, send: createWorker({ DB: db }, clock) });

    const created = {
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      account_id: ACCOUNT,
      run_id: run,
      ...content,
      created_by: 'user-42',
      created_by_evaluator_id: null,
      created_at: '2026-11-22T10:11:12.345Z',
      updated_by: null,
    };
    expect(response.status).toBe(201);
    const body = await response.json<Row>();
    expect(body).toEqual(created);
    expect(await readEvaluation(body.id)).toEqual({ ...body, updated_at: null });
    expect(response.headers.get('location')).toBe(`/v1/run/${run}/evaluation/${body.id}`);
    expect(response.headers.get('etag')).toBe('"2026-11-22T10:11:12.345Z"');
    expect(calls).toEqual(['batch']);
    expect(await readHistory(body.id)).toEqual([]);
  });

  it('needs only a label and a value, and accepts ids in upper case', async () => {
    const evaluation_label_id = await label({ account_id: 'shared' });
    const run = crypto.randomUUID();
    const id = crypto.randomUUID();

    const body = {
      id: id.toUpperCase(),
      evaluation_label_id: evaluation_label_id.toUpperCase(),
      value: 0,
    };
    await storeLabel({ id: crypto.randomUUID() });
    const response = await create(
      { ...body, value: 1, output_name: null },
      { run: run.toUpperCase() },
    );

    expect(response.status).toBe(201);
    expect(await readEvaluation(id)).toMatchObject({
      run_id: run,
      evaluation_label_id,
      output_name: null,
      field_path: null,
    });
  });

  it('returns a tag that an update accepts', async () => {
    const response = await create({ evaluation_label_id: await label(), value: 1 });
    const row = await response.json<Row>();
    const headers = { 'if-match': response.headers.get('etag') };

    expect(
      (await worker(await request(buildPath(row), { body: '{"value":2}', headers }))).status,
    ).toBe(200);
  });

  it.each([
    ['does not exist', async () => crypto.randomUUID()],
    ['belongs to another account', () => label({ account_id: 'acc_neighbour' })],
  ])('answers 404 if the label %s, and stores nothing', async (_, makeLabelId) => {
    const run = crypto.randomUUID();

    await expectRefusal(
      await create({ evaluation_label_id: await makeLabelId(), value: 5 }, { run }),
      LABEL_NOT_FOUND,
    );

    expect(await readRun(run)).toEqual([]);
  });

  it.each([0.999, 11, -5])(
    'answers 422 to a value that the label does not allow, and stores nothing: %d',
    async (value) => {
      const run = crypto.randomUUID();

      const refusal = makeUnprocessable('value must be between 1 and 10.');
      await expectRefusal(
        await create({ evaluation_label_id: await label(), value }, { run }),
        refusal,
      );

      expect(await readRun(run)).toEqual([]);
    },
  );

  const UUID = (name: string) =>
    `${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`;
  const NEEDED =
    'The body must have the properties evaluation_label_id, a UUID, and value, a JSON number.';
  it.each<[string, object, string]>([
    ['no label', { evaluation_label_id: undefined }, NEEDED],
    ['no value', { value: undefined }, NEEDED],
    ['a label that is no UUID', { evaluation_label_id: 'tone' }, UUID('evaluation_label_id')],
    ['a label that is null', { evaluation_label_id: null }, UUID('evaluation_label_id')],
    [
      'a value that is text',
      { value: '5' },
      'value must be a JSON number: send it without quotes.',
    ],
    ['an id that is no UUID', { id: 'evt_123' }, UUID('id')],
    ['an id that is null', { id: null }, UUID('id')],
    [
      'an output_name that is no Unicode text',
      { output_name: 'a\ud800' },
      'output_name must be Unicode text: it contains half of a surrogate pair.',
    ],
    [
      'an output_name that is a number',
      { output_name: 5 },
      'output_name must be a string, or null.',
    ],
    ['a field_path that is a list', { field_path: ['$'] }, 'field_path must be a string, or null.'],
  ])('answers 400 to %s, and stores nothing', async (_, change, error) => {
    const run = crypto.randomUUID();

    await expectRefusal(
      await create({ evaluation_label_id: await label(), value: 5, ...change }, { run }),
      {
        status: 400,
        error,
      },
    );

    expect(await readRun(run)).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['account_id', 'acc_neighbour'],
    ['account_id', null],
    ['run_id', '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01'],
    ['created_by', 'mallory'],
    ['created_by', 7],
    ['created_by_evaluator_id', '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01'],
    ['created_at', '2020-01-01T00:00:00.000Z'],
  ])(
    'refuses what the server sets with 422, by name, and stores nothing: %s (%s)',
    async (field, sent) => {
      const run = crypto.randomUUID();
      const body = { evaluation_label_id: await label(), value: 5, [field]: sent };

      const refusal = makeUnprocessable(`${field} is set by the server: leave it out.`);
      await expectRefusal(await create(body, { run }), refusal);

      expect(await readRun(run)).toEqual([]);
    },
  );

  it('accepts what the server sets if it is what will be stored, and ignores what it does not know', async () => {
    const run = crypto.randomUUID();
    const known = {
      account_id: ACCOUNT,
      run_id: run.toUpperCase(),
      created_by: 'user-123',
      created_by_evaluator_id: null,
    };
    const body = {
      evaluation_label_id: await label(),
      value: 5,
      ...known,
      updated_by: 'x',
      updated_at: 7,
      event: {},
    };

    expect((await create(body, { run })).status).toBe(201);
    expect(await readRun(run)).toMatchObject([{ value: 5, updated_by: null, updated_at: null }]);
  });

  it('stores one evaluation for each create without an id', async () => {
    const run = crypto.randomUUID();
    const body = { evaluation_label_id: await label(), value: 5 };

    for (const _ of [1, 2]) expect((await create(body, { run })).status).toBe(201);

    expect(await readRun(run)).toHaveLength(2);
  });
});

describe('a repeated create with an id of the caller\u2019s own', () => {
  const first = async (fields: object = {}) => {
    const run = crypto.randomUUID();
    const body = {
      id: crypto.randomUUID(),
      evaluation_label_id: await label(),
      value: 5,
      output_name: 'reply',
      ...fields,
    };
    expect((await create(body, { run })).status).toBe(201);
    return { run, body };
  };

  it('answers 200 to a repeated create with the same content, and stores nothing', async () => {
    const { run, body } = await first();
    const stored = await readRun(run);

    const again = await create(body, { run });

    expect(again.status).toBe(200);
    expect([{ ...(await again.json<Row>()), updated_at: null }]).toEqual(stored);
    expect(again.headers.get('location')).toBe(`/v1/run/${run}/evaluation/${body.id}`);
    expect(await readRun(run)).toEqual(stored);
  });

  it('answers 200 to a repeated create also if the value was updated since, or the label is gone', async () => {
    const { run, body } = await first();
    await worker(await putValue({ run_id: run, id: body.id }, 9));
    await worker(await putValue({ run_id: run, id: body.id }, 7));
    await DB.prepare('DELETE FROM evaluation_label WHERE id = ?')
      .bind(body.evaluation_label_id)
      .run();

    const again = await create(body, { run });

    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ value: 7 });
    await expectRefusal(await create({ ...body, value: 7 }, { run }), ID_IS_TAKEN);
  });

  it.each<[string, object]>([
    ['value', { value: 6 }],
    ['output_name', { output_name: 'other' }],
    ['output_name, left out', { output_name: undefined }],
    ['field_path', { field_path: '$' }],
  ])('answers 409 to a repeated create with another %s, and stores nothing', async (_, change) => {
    const { run, body } = await first();
    const stored = await readRun(run);

    await expectRefusal(await create({ ...body, ...change }, { run }), ID_IS_TAKEN);

    expect(await readRun(run)).toEqual(stored);
  });

  it('answers 409 to a repeated create for another label or another run', async () => {
    const { run, body } = await first();

    await expectRefusal(
      await create({ ...body, evaluation_label_id: await label() }, { run }),
      ID_IS_TAKEN,
    );
    await expectRefusal(await create(body, { run: crypto.randomUUID() }), ID_IS_TAKEN);
  });

  it('stores an evaluation under an id that another account uses', async () => {
    const evaluation_label_id = await label({ account_id: 'shared' });
    const { run, body } = await first({ evaluation_label_id });
    // Both accounts have an evaluation with this id. A search by id alone would find the history of
    // `acc_0`, which comes first in the primary key.
    const token = await mintToken({ account_id: 'acc_0' });

    expect((await create({ ...body, value: 2 }, { run, token })).status).toBe(201);
    await worker(await putValue({ run_id: run, id: body.id }, 3, token));
    expect((await create(body, { run })).status).toBe(200);
  });

  it('refuses created_by with the caller\u2019s own name if somebody else created the row', async () => {
    const { run, body } = await first();
    const other = await mintToken({ sub: 'other' });

    expect((await create(body, { run, token: other })).status).toBe(200);
    const refusal = makeUnprocessable('created_by is set by the server: leave it out.');
    await expectRefusal(
      await create({ ...body, created_by: 'other' }, { run, token: other }),
      refusal,
    );
  });

  it('recognizes a repeated create after a failed attempt, though another caller created the row', async () => {
    const clock = createStillClock();
    const exp = claims({}, clock.now()).exp;
    const body = { id: crypto.randomUUID(), evaluation_label_id: await label(), value: 5 };
    const run = crypto.randomUUID();
    let calls = 0;
    const db = interceptD1(DB, async (_, call) => {
      calls += 1;
      if (calls > 1) return call();
      await create(body, {
        run,
        token: await mintToken({ sub: 'other', exp }),
        send: createWorker({}, clock),
      });
      throw new Error('D1_ERROR: Network connection lost.');
    });

    const response = await create(body, {
      run,
      token: await mintToken({ exp }),
      send: createWorker({ DB: db }, clock),
    });

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ created_by: 'other' });
  });

  it('answers 200 to a repeated create in the same millisecond', async () => {
    const clock = createStillClock();
    const send = createWorker({}, clock);
    const token = await mintToken({ exp: claims({}, clock.now()).exp });
    const body = { id: crypto.randomUUID(), evaluation_label_id: await label(), value: 5 };
    const run = crypto.randomUUID();

    const statuses = [];
    for (const _ of [1, 2]) statuses.push((await create(body, { run, token, send })).status);

    expect(statuses).toEqual([201, 200]);
  });

  it('stores one row for 20 concurrent creates with one id', async () => {
    const run = crypto.randomUUID();
    const body = { id: crypto.randomUUID(), evaluation_label_id: await label(), value: 5 };

    const answers = await Promise.all(Array.from({ length: 20 }, () => create(body, { run })));

    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(await readRun(run)).toHaveLength(1);
  });

  it.each([
    ['with an id', () => crypto.randomUUID()],
    ['without an id', () => undefined],
  ])(
    'repeats a create if a response is lost after the commit, and stores one row: %s',
    async (_, makeId) => {
      const id = makeId();
      const run = crypto.randomUUID();
      const { db } = makeFlakyD1(DB, 'Network connection lost.', 'is lost', 'succeeds');

      const response = await create(
        { id, evaluation_label_id: await label(), value: 5 },
        { run, send: createWorker({ DB: db }, createStillClock(new Date())) },
      );

      expect(response.status).toBe(201);
      expect(await readRun(run)).toHaveLength(1);
    },
  );
});

describe('the id that a key gives', () => {
  const RUN = '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01';
  const EVALUATOR = '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c02';

  it.each([
    ['key-1', {}, '4466b9d7-fea8-8ad6-936f-84e4749e867d'],
    ['key-3', {}, 'b73e9430-0a60-80c7-ad30-5c605729aa3a'],
    ['key-5', {}, 'cb88ace4-f9b6-88f4-83c1-170267a55ae1'],
    ['key-8', {}, '5bc92697-3ed5-8935-a8af-24b2240b0c1f'],
    ['key-1', { evaluator_id: EVALUATOR }, '50d95ce6-6ef0-8439-b017-3a4fe1d28871'],
  ])(
    'makes the same id from a key in every version of the Worker: that of %s with %o',
    async (key, claimed, expected) => {
      const headers = {
        authorization: `Bearer ${await mintToken(claimed)}`,
        'idempotency-key': key,
      };
      const body = JSON.stringify({ evaluation_label_id: await label(), value: 3 });

      const response = await worker(
        await request(`/v1/run/${RUN}/evaluations`, { method: 'POST', headers, body }),
      );

      expect((await response.json<Row>()).id).toBe(expected);
    },
  );
});

describe('a create with the token of an evaluator', () => {
  const evaluator_id = '018f4d3b-0001-7000-8000-000000000001';
  const createWith = async (claims: Record<string, unknown>, content: object = {}) => {
    const run = crypto.randomUUID();
    const evaluation_label_id = await label({ account_id: 'shared' });
    const body = { evaluation_label_id, value: 5, ...content };
    return { run, response: await create(body, { run, token: await mintToken(claims) }) };
  };

  it('stores the evaluator as the author, and history names it', async () => {
    const { response, run } = await createWith({
      sub: 'judge',
      evaluator_id: evaluator_id.toUpperCase(),
    });
    const row = requirePresent((await readRun(run))[0]);

    expect(response.status).toBe(201);
    expect(row).toMatchObject({ created_by: null, created_by_evaluator_id: evaluator_id });
    await worker(await putValue(row, 7));
    const history = await worker(await get(`${buildPath(row)}/history`));
    expect(await history.json()).toMatchObject([
      { value: 5, updated_by: evaluator_id, replaced_by: 'user-123' },
    ]);
  });

  it('takes the evaluator from the token alone, never from a body', async () => {
    const refusal = (field: string) =>
      makeUnprocessable(`${field} is set by the server: leave it out.`);
    const others = { created_by_evaluator_id: crypto.randomUUID() };
    const own = { created_by_evaluator_id: evaluator_id };

    for (const [claims, content, field] of [
      [{}, own, 'created_by_evaluator_id'],
      [{ evaluator_id }, others, 'created_by_evaluator_id'],
      [{ sub: 'judge', evaluator_id }, { created_by: 'judge' }, 'created_by'],
    ] as const)
      await expectRefusal((await createWith(claims, content)).response, refusal(field));
    expect((await createWith({ evaluator_id }, { ...own, created_by: null })).response.status).toBe(
      201,
    );
  });

  it('names the subject of the token, not its evaluator, as the author of an update', async () => {
    const row = await storeEvaluation();
    await worker(await putValue(row, 7, await mintToken({ sub: 'judge', evaluator_id })));

    expect(await readEvaluation(row.id)).toMatchObject({ value: 7, updated_by: 'judge' });
  });

  it.each([['judge'], [''], [null], [7], [[evaluator_id]]])(
    'refuses a token whose evaluator_id is no UUID: %j',
    async (broken) => {
      expect((await createWith({ evaluator_id: broken })).response.status).toBe(401);
    },
  );
});
