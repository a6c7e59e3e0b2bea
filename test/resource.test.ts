/** The whole resource: create, get, list, history, and the update by POST. What they refuse alike is in other files. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { INTERNAL_ERROR, NOT_FOUND, unprocessable } from './support/answers.ts';
import { stillClock } from './support/clock.ts';
import { countingD1, flakyD1, interceptD1 } from './support/d1.ts';
import {
  ACCOUNT,
  claims,
  expectRefusal,
  expectUnbroken,
  mintToken,
  pathOf,
  putValue,
  type Row,
  readEvaluation,
  readHistory,
  readRun,
  request,
  type Send,
  storeEvaluation,
  storeLabel,
  storeLabelled,
  worker,
  workerWith,
} from './support/worker.ts';

const LABEL_NOT_FOUND = {
  status: 404,
  error: 'No such evaluation label: evaluation_label_id must name a label of the account, or a shared one.',
};
const ID_IS_TAKEN = {
  status: 409,
  error: 'The id is taken by an evaluation with other content: choose another, or none.',
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
  return send(await request(`/v1/run/${run}/evaluations`, { method: 'POST', headers, body: JSON.stringify(body) }));
}

const get = async (path: string, headers: Record<string, string> = {}) =>
  request(path, { method: 'GET', headers: { 'content-type': null, ...headers } });

describe('createEvaluation', () => {
  it('answers 201 with the row as stored, its place and its entity tag, in one call to D1', async () => {
    const run = crypto.randomUUID();
    const evaluation_label_id = await label();
    const { db, calls } = countingD1(env.DB);
    const clock = stillClock();
    const token = await mintToken({ sub: 'user-42', exp: claims({}, clock.now()).exp });

    const content = { evaluation_label_id, value: 7.5, output_name: 'reply', field_path: '$.text' };
    const response = await create(content, { run, token, send: workerWith({ DB: db }, clock) });

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
    expect(calls).toEqual(['all']);
    expect(await readHistory(body.id)).toEqual([]);
  });

  it('needs a label and a value only; ids in any case', async () => {
    const evaluation_label_id = await label({ account_id: 'shared' });
    const run = crypto.randomUUID();
    const id = crypto.randomUUID();

    const body = { id: id.toUpperCase(), evaluation_label_id: evaluation_label_id.toUpperCase(), value: 0 };
    await storeLabel({ id: crypto.randomUUID() });
    const response = await create({ ...body, value: 1, output_name: null }, { run: run.toUpperCase() });

    expect(response.status).toBe(201);
    expect(await readEvaluation(id)).toMatchObject({
      run_id: run,
      evaluation_label_id,
      output_name: null,
      field_path: null,
    });
  });

  it('makes what can be updated with the tag it gave', async () => {
    const response = await create({ evaluation_label_id: await label(), value: 1 });
    const row = await response.json<Row>();
    const headers = { 'if-match': response.headers.get('etag') };

    expect((await worker(await request(pathOf(row), { body: '{"value":2}', headers }))).status).toBe(200);
  });

  it.each([
    ['does not exist', async () => crypto.randomUUID()],
    ['belongs to another account', () => label({ account_id: 'acc_neighbour' })],
  ])('answers 404 where the label %s, and stores nothing', async (_, labelOf) => {
    const run = crypto.randomUUID();

    await expectRefusal(await create({ evaluation_label_id: await labelOf(), value: 5 }, { run }), LABEL_NOT_FOUND);

    expect(await readRun(run)).toEqual([]);
  });

  it.each([0.999, 11, -5])(
    'answers 422 to a value that the label does not allow, and stores nothing: %d',
    async (value) => {
      const run = crypto.randomUUID();

      const refusal = unprocessable('value must be between 1 and 10.');
      await expectRefusal(await create({ evaluation_label_id: await label(), value }, { run }), refusal);

      expect(await readRun(run)).toEqual([]);
    },
  );

  it('lets nothing in under a label that cannot be read', async () => {
    const run = crypto.randomUUID();
    const broken = await label({ value_type: 'ordinal', min_value: null, max_value: null, categories: '["a",1]' });

    await expectRefusal(await create({ evaluation_label_id: broken, value: 0 }, { run }), INTERNAL_ERROR);

    expect(await readRun(run)).toEqual([]);
  });

  const UUID = (name: string) => `${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`;
  const NEEDED = 'The body must have the properties evaluation_label_id, a UUID, and value, a JSON number.';
  it.each<[string, object, string]>([
    ['no label', { evaluation_label_id: undefined }, NEEDED],
    ['no value', { value: undefined }, NEEDED],
    ['a label that is no UUID', { evaluation_label_id: 'tone' }, UUID('evaluation_label_id')],
    ['a label that is null', { evaluation_label_id: null }, UUID('evaluation_label_id')],
    ['a value that is text', { value: '5' }, 'value must be a JSON number.'],
    ['an id that is no UUID', { id: 'evt_123' }, UUID('id')],
    ['an id that is null', { id: null }, UUID('id')],
    [
      'an output_name that is no Unicode text',
      { output_name: 'a\ud800' },
      'output_name must be Unicode text: it holds half of a surrogate pair.',
    ],
    ['an output_name that is a number', { output_name: 5 }, 'output_name must be a string, or null.'],
    ['a field_path that is a list', { field_path: ['$'] }, 'field_path must be a string, or null.'],
  ])('answers 400 to %s, and stores nothing', async (_, change, error) => {
    const run = crypto.randomUUID();

    await expectRefusal(await create({ evaluation_label_id: await label(), value: 5, ...change }, { run }), {
      status: 400,
      error,
    });

    expect(await readRun(run)).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['account_id', 'acc_neighbour'],
    ['account_id', null],
    ['run_id', crypto.randomUUID()],
    ['created_by', 'mallory'],
    ['created_by', 7],
    ['created_by_evaluator_id', crypto.randomUUID()],
    ['created_at', '2020-01-01T00:00:00.000Z'],
  ])('does not drop in silence what the server sets: 422 names %s (%s), and nothing is stored', async (field, sent) => {
    const run = crypto.randomUUID();
    const body = { evaluation_label_id: await label(), value: 5, [field]: sent };

    const refusal = unprocessable(`${field} is set by the server: leave it out.`);
    await expectRefusal(await create(body, { run }), refusal);

    expect(await readRun(run)).toEqual([]);
  });

  it('takes what the server sets where it is what will be stored, and ignores what it does not know', async () => {
    const run = crypto.randomUUID();
    const known = {
      account_id: ACCOUNT,
      run_id: run.toUpperCase(),
      created_by: 'user-123',
      created_by_evaluator_id: null,
    };
    const body = { evaluation_label_id: await label(), value: 5, ...known, updated_by: 'x', updated_at: 7, event: {} };

    expect((await create(body, { run })).status).toBe(201);
    expect(await readRun(run)).toMatchObject([{ value: 5, updated_by: null, updated_at: null }]);
  });

  it('stores as many evaluations as creates without an id', async () => {
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

  it('of the same content answers 200 with the stored row, and stores nothing', async () => {
    const { run, body } = await first();
    const stored = await readRun(run);

    const again = await create(body, { run });

    expect(again.status).toBe(200);
    expect([{ ...(await again.json<Row>()), updated_at: null }]).toEqual(stored);
    expect(again.headers.get('location')).toBe(`/v1/run/${run}/evaluation/${body.id}`);
    expect(await readRun(run)).toEqual(stored);
  });

  it('answers 200 also where the value was updated since, or the label is gone', async () => {
    const { run, body } = await first();
    await worker(await putValue({ run_id: run, id: body.id }, 9));
    await worker(await putValue({ run_id: run, id: body.id }, 7));
    await env.DB.prepare('DELETE FROM evaluation_label WHERE id = ?').bind(body.evaluation_label_id).run();

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
  ])('answers 409 where another %s is sent, and stores nothing', async (_, change) => {
    const { run, body } = await first();
    const stored = await readRun(run);

    await expectRefusal(await create({ ...body, ...change }, { run }), ID_IS_TAKEN);

    expect(await readRun(run)).toEqual(stored);
  });

  it('answers 409 where another label, or another run, is meant', async () => {
    const { run, body } = await first();

    await expectRefusal(await create({ ...body, evaluation_label_id: await label() }, { run }), ID_IS_TAKEN);
    await expectRefusal(await create(body, { run: crypto.randomUUID() }), ID_IS_TAKEN);
  });

  it('answers 409 to another account, and tells it nothing of the row', async () => {
    const evaluation_label_id = await label({ account_id: 'shared' });
    const { run, body } = await first({ evaluation_label_id });

    await expectRefusal(
      await create(body, { run, token: await mintToken({ account_id: 'acc_neighbour' }) }),
      ID_IS_TAKEN,
    );
  });

  it('does not say that the stored row is somebody else\u2019s who asks for his own name', async () => {
    const { run, body } = await first();
    const other = await mintToken({ sub: 'other' });

    expect((await create(body, { run, token: other })).status).toBe(200);
    const refusal = unprocessable('created_by is set by the server: leave it out.');
    await expectRefusal(await create({ ...body, created_by: 'other' }, { run, token: other }), refusal);
  });

  it('is told apart from a create of one\u2019s own that had to be tried again', async () => {
    const clock = stillClock();
    const exp = claims({}, clock.now()).exp;
    const body = { id: crypto.randomUUID(), evaluation_label_id: await label(), value: 5 };
    const run = crypto.randomUUID();
    let calls = 0;
    const db = interceptD1(env.DB, async (_, call) => {
      calls += 1;
      if (calls > 1) return call();
      await create(body, { run, token: await mintToken({ sub: 'other', exp }), send: workerWith({}, clock) });
      throw new Error('D1_ERROR: Network connection lost.');
    });

    const response = await create(body, { run, token: await mintToken({ exp }), send: workerWith({ DB: db }, clock) });

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ created_by: 'other' });
  });

  it('in the same millisecond is still a repetition', async () => {
    const clock = stillClock();
    const send = workerWith({}, clock);
    const token = await mintToken({ exp: claims({}, clock.now()).exp });
    const body = { id: crypto.randomUUID(), evaluation_label_id: await label(), value: 5 };
    const run = crypto.randomUUID();

    const statuses = [];
    for (const _ of [1, 2]) statuses.push((await create(body, { run, token, send })).status);

    expect(statuses).toEqual([201, 200]);
  });

  it('of 20 at a time stores one row', async () => {
    const run = crypto.randomUUID();
    const body = { id: crypto.randomUUID(), evaluation_label_id: await label(), value: 5 };

    const answers = await Promise.all(Array.from({ length: 20 }, () => create(body, { run })));

    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(await readRun(run)).toHaveLength(1);
  });

  it.each([undefined, crypto.randomUUID()])(
    'is made by the Worker itself after an answer lost in the commit (id %s)',
    async (id) => {
      const run = crypto.randomUUID();
      const { db } = flakyD1(env.DB, 'Network connection lost.', 'is lost', 'passes');

      const response = await create(
        { id, evaluation_label_id: await label(), value: 5 },
        { run, send: workerWith({ DB: db }) },
      );

      expect(response.status).toBe(201);
      expect(await readRun(run)).toHaveLength(1);
    },
  );
});

describe('getEvaluation', () => {
  it('answers 200 with the row, updated_at left out while there is none, in one call to D1', async () => {
    const { updated_at, ...row } = await storeEvaluation();
    const { db, calls } = countingD1(env.DB);

    const response = await workerWith({ DB: db })(await get(pathOf(row)));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(row);
    expect(response.headers.get('etag')).toBe(`"${row.created_at}"`);
    expect(calls).toEqual(['all']);
    expect(updated_at).toBeNull();
  });

  it('answers with the tag and the row that the update gave', async () => {
    const row = await storeEvaluation();
    const updated = await worker(await putValue(row, 5));

    const got = await worker(await get(pathOf(row)));

    expect(got.headers.get('etag')).toBe(updated.headers.get('etag'));
    expect(await got.json()).toEqual(await updated.json());
  });

  it.each<[string, (tag: string) => string]>([
    ['the tag', (tag) => tag],
    ['the tag, weak', (tag) => `W/${tag}`],
    ['the tag among others', (tag) => `"a", ${tag}`],
    ['*', () => '*'],
  ])('answers 304 without a body to If-None-Match with %s', async (_, ifNoneMatch) => {
    const row = await storeEvaluation();
    const tag = `"${row.created_at}"`;

    const response = await worker(await get(pathOf(row), { 'if-none-match': ifNoneMatch(tag) }));

    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe(tag);
    expect(await response.text()).toBe('');
  });

  it.each(['"other"', 'W/"other"', 'rubbish', '"*"', '', '2026-01-02T03:04:05.678Z'])(
    'answers in full to If-None-Match %s',
    async (ifNoneMatch) => {
      const row = await storeEvaluation();

      expect((await worker(await get(pathOf(row), { 'if-none-match': ifNoneMatch }))).status).toBe(200);
    },
  );

  it('answers 404 to a known tag of a row that is not yours', async () => {
    const row = await storeEvaluation({ account_id: 'acc_neighbour' });

    await expectRefusal(await worker(await get(pathOf(row), { 'if-none-match': '*' })), NOT_FOUND);
  });

  it('answers HEAD with the headers alone', async () => {
    const row = await storeEvaluation();

    const response = await worker(await request(pathOf(row), { method: 'HEAD' }));

    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe(`"${row.created_at}"`);
    expect(await response.text()).toBe('');
  });
});

/** Follows the links from a path to the last page, at most a few. */
async function pagesFrom<T>(path: string): Promise<T[][]> {
  const pages: T[][] = [];
  for (let next: string | undefined = path; next !== undefined && pages.length < 20; ) {
    const response = await worker(await get(next));
    expect(response.status).toBe(200);
    pages.push(await response.json<T[]>());
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  }
  return pages;
}

const BAD_LIMIT = { status: 400, error: 'limit must be a whole number from 1 to 1000.' };
const BAD_CURSOR = { status: 400, error: 'cursor must be one that came in a Link header, as it came.' };
const LIMITS = ['0', '007', '1001', '-1', '1.5', '1e2', 'ten', '', '99999', '٣'];
const PADDED = btoa(`2026-01-01T00:00:00.000Z ${crypto.randomUUID()}`);
const CURSORS = [
  '',
  'x',
  'AAAA',
  '%00',
  PADDED.padEnd(84, '='),
  ` ${PADDED}`,
  btoa('2026-01-01T00:00:00.000Z').replaceAll('=', '1'),
  btoa("' OR 1=1 --"),
];

describe('listEvaluations', () => {
  it('answers with a bare array of the run\u2019s evaluations, oldest first, in one call to D1', async () => {
    const run_id = crypto.randomUUID();
    const times = ['2026-01-03T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
    const rows = await Promise.all(times.map((created_at) => storeEvaluation({ run_id, created_at })));
    await storeEvaluation();
    const { db, calls } = countingD1(env.DB);

    const response = await workerWith({ DB: db })(await get(`/v1/run/${run_id}/evaluations`));

    const withoutTime = ([1, 2, 0] as const).map((n) => rows[n]).map(({ updated_at: _, ...row } = {} as Row) => row);
    expect(await response.json()).toEqual(withoutTime);
    expect(response.headers.has('link')).toBe(false);
    expect(calls).toEqual(['all']);
  });

  it('answers [] for an unknown run', async () => {
    const response = await worker(await get(`/v1/run/${crypto.randomUUID()}/evaluations`));

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('[]');
  });

  it.each([1, 2, 3, 6, 7, 8])(
    'gives every row once and in order by pages of %d, rows of the same millisecond too',
    async (limit) => {
      const run_id = crypto.randomUUID();
      const days = [1, 1, 1, 2, 2, 3, 3];
      const rows = await Promise.all(
        days.map((day) => storeEvaluation({ run_id, created_at: `2026-01-0${day}T00:00:00.000Z` })),
      );

      const pages = await pagesFrom<Row>(`/v1/run/${run_id}/evaluations?limit=${limit}`);

      const order = rows.map(({ created_at, id }) => `${created_at} ${id}`).sort();
      expect(pages.flat().map(({ created_at, id }) => `${created_at} ${id}`)).toEqual(order);
      expect(pages).toHaveLength(Math.ceil(7 / limit));
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    },
  );

  it('gives 1,000 rows at most, and a link to the rest', async () => {
    const run_id = crypto.randomUUID();
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO run_evaluation SELECT printf('018f4d3d-%04x-7000-8000-000000000000', i), ?, ?, NULL, NULL, ?, i, NULL, NULL, '2026-01-01T00:00:00.000Z', NULL, NULL FROM n`,
    )
      .bind(ACCOUNT, run_id, crypto.randomUUID())
      .run();

    const pages = await pagesFrom<Row>(`/v1/run/${run_id}/evaluations`);

    expect(pages.map((page) => page.length)).toEqual([1000, 1]);
    expect(pages.flat().map(({ value }) => value)).toEqual(Array.from({ length: 1001 }, (_, i) => i));
  });

  it('does not skip what is created between two pages', async () => {
    const run_id = crypto.randomUUID();
    for (const day of [1, 2]) await storeEvaluation({ run_id, created_at: `2026-01-0${day}T00:00:00.000Z` });
    const page = await worker(await get(`/v1/run/${run_id}/evaluations?limit=1`));
    const next = /<(.+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? '';
    const late = await storeEvaluation({ run_id, created_at: '2026-01-03T00:00:00.000Z' });

    expect((await pagesFrom<Row>(next)).flat()).toContainEqual(expect.objectContaining({ id: late.id }));
  });

  it.each(LIMITS)('refuses the limit "%s"', async (limit) => {
    await expectRefusal(
      await worker(await get(`/v1/run/${crypto.randomUUID()}/evaluations?limit=${limit}`)),
      BAD_LIMIT,
    );
  });

  it.each(CURSORS)('refuses the cursor "%s"', async (cursor) => {
    const path = `/v1/run/${crypto.randomUUID()}/evaluations?cursor=${encodeURIComponent(cursor)}`;
    await expectRefusal(await worker(await get(path)), BAD_CURSOR);
  });
});

describe('listReplacedValues', () => {
  it('answers with what was replaced, newest first, in one call to D1', async () => {
    const row = await storeEvaluation();
    for (const value of [4, 5, 6]) await worker(await putValue(row, value));
    const { db, calls } = countingD1(env.DB);

    const response = await workerWith({ DB: db })(await get(`${pathOf(row)}/history`));

    expect(response.status).toBe(200);
    const history = await response.json<Awaited<ReturnType<typeof readHistory>>>();
    expect(history.map(({ value }) => value)).toEqual([5, 4, 3]);
    expectUnbroken(history.toReversed(), await readEvaluation(row.id));
    expect(history).toEqual((await readHistory(row.id)).toReversed());
    expect(calls).toEqual(['all']);
  });

  it('answers [] where nothing was replaced yet, and 404 where there is no such evaluation', async () => {
    const row = await storeEvaluation();

    expect(await (await worker(await get(`${pathOf(row)}/history`))).json()).toEqual([]);
    await expectRefusal(await worker(await get(`${pathOf({ ...row, id: crypto.randomUUID() })}/history`)), NOT_FOUND);
  });

  it.each([1, 2, 4, 5, 6])('gives every entry once and in order by pages of %d', async (limit) => {
    const row = await storeEvaluation({ value: 0 });
    for (const value of [1, 2, 3, 4, 5]) await worker(await putValue(row, value));

    const pages = await pagesFrom<{ value: number }>(`${pathOf(row)}/history?limit=${limit}`);

    expect(pages.flat().map(({ value }) => value)).toEqual([4, 3, 2, 1, 0]);
    expect(pages).toHaveLength(Math.ceil(5 / limit));
  });

  it('refuses a limit and a cursor that are none', async () => {
    const row = await storeEvaluation();
    for (const limit of LIMITS)
      await expectRefusal(await worker(await get(`${pathOf(row)}/history?limit=${limit}`)), BAD_LIMIT);
    for (const cursor of CURSORS.slice(0, 4)) {
      await expectRefusal(await worker(await get(`${pathOf(row)}/history?cursor=${cursor}`)), BAD_CURSOR);
    }
  });
});

describe('updateEvaluationByPost', () => {
  it('is exactly the update: same answer, same conditions, same history', async () => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const post = async (value: number, headers: Record<string, string> = {}) =>
      worker(await request(pathOf(row), { method: 'POST', headers, body: JSON.stringify({ value }) }));

    const posted = await post(5);
    expect(posted.status).toBe(200);
    const put = await worker(await putValue(row, 5));
    expect(await put.json()).toEqual(await posted.json());
    expect(put.headers.get('etag')).toBe(posted.headers.get('etag'));
    expect((await post(6, { 'if-match': '"x"' })).status).toBe(412);
    await expectRefusal(await post(11), unprocessable('value must be between 1 and 10.'));
    expect(await readHistory(row.id)).toHaveLength(1);
  });
});
