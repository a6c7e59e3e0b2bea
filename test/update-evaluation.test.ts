/** Tests updateEvaluation. POST does exactly what PUT does. */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable, NOT_FOUND } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { countCalls } from './support/d1.ts';
import {
  ACCOUNT,
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  mintToken,
  putValue,
  readEvaluation,
  readHistory,
  request,
  seconds,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

describe('an accepted update', () => {
  it('answers 200 with the row as stored: the value, its author and the time of the write; nothing else changed', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock(new Date('2026-11-22T10:11:12.345Z'));
    const token = await mintToken({ sub: 'user-42', exp: seconds(clock.now()) + 60 });

    const response = await createWorker({}, clock)(await putValue(row, 8.25, token));

    const changed = {
      ...row,
      value: 8.25,
      updated_by: 'user-42',
      updated_at: '2026-11-22T10:11:12.345Z',
    };
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(changed);
    expect(await readEvaluation(row.id)).toEqual(changed);
  });

  it('answers with exactly the twelve fields, nullable ones as null', async () => {
    const row = await storeEvaluation({
      output_name: null,
      field_path: null,
      created_by: null,
      created_by_evaluator_id: null,
    });

    const response = await worker(await putValue(row, 1));

    expect(await response.json()).toEqual({
      ...row,
      value: 1,
      updated_by: 'user-123',
      updated_at: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/),
    });
    const {
      'x-request-id': _,
      'x-d1-bookmark': __,
      ...headers
    } = Object.fromEntries(response.headers);
    expect(headers).toEqual({
      'cache-control': 'no-store, no-transform',
      'content-type': 'application/json',
      etag: expect.stringMatching(/^"[^"]+"$/),
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    0, -0, -1, 0.1, 1e-7, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 9007199254740991,
  ])('stores the finite number %d exactly', async (value) => {
    const row = await storeEvaluation();

    const response = await worker(
      await request(buildPath(row), { body: `{"value":${Object.is(value, -0) ? '-0' : value}}` }),
    );

    expect(await response.json()).toMatchObject({ value: value + 0 });
    expect(await readEvaluation(row.id)).toMatchObject({ value: value + 0 });
  });

  it('ignores other properties', async () => {
    const row = await storeEvaluation();
    const body =
      '{"event":"run.scored","payload":{"deep":[1,2]},"__proto__":{"value":9},"constructor":1,"value":2}';

    const response = await worker(await request(buildPath(row), { body }));

    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({
      ...row,
      value: 2,
      updated_by: 'user-123',
      updated_at: expect.any(String),
    });
  });

  it('matches UUIDs in a path without regard to case', async () => {
    const row = await storeEvaluation();

    const response = await worker(
      await request(buildPath({ run_id: row.run_id.toUpperCase(), id: row.id.toUpperCase() }), {
        body: '{"value":5}',
      }),
    );

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: row.id, run_id: row.run_id, value: 5 });
  });

  it.each([
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/json;charset="utf-8"',
    'application/merge-patch+json',
    'application/vnd.example.v1+json; profile=x',
    null,
  ])('takes a body of the content type %s as JSON', async (contentType) => {
    const row = await storeEvaluation();

    const response = await worker(
      await request(buildPath(row), {
        body: new TextEncoder().encode('{"value":6}'),
        headers: { 'content-type': contentType },
      }),
    );

    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 6 });
  });

  it('accepts a body of exactly 64 KiB', async () => {
    const row = await storeEvaluation();
    const body = `{"value":7,"pad":"${'x'.repeat(64 * 1024 - 20)}"}`;
    expect(body).toHaveLength(64 * 1024);

    expect((await worker(await request(buildPath(row), { body }))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 7 });
  });

  it('accepts a body that arrives in pieces, cut inside a character', async () => {
    const row = await storeEvaluation();
    const bytes = new TextEncoder().encode('{"note":"é","value":4}');
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const sent = request(buildPath(row), { body: readable });
    const writer = writable.getWriter();
    const written = Promise.all([
      writer.write(bytes.slice(0, 10)),
      writer.write(bytes.slice(10)),
      writer.close(),
    ]);

    const response = await worker(await sent);
    await written;

    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 4 });
  });

  it('calls D1 once for an update', async () => {
    const row = await storeEvaluation();
    const { db, calls } = countCalls(DB);

    expect((await createWorker({ DB: db })(await putValue(row, 9))).status).toBe(200);

    expect(calls).toEqual(['batch']);
  });

  it('changes no other evaluation of the run', async () => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });

    await worker(await putValue(row, 9));

    expect(await readEvaluation(sibling.id)).toEqual(sibling);
  });
});

describe('an evaluation that is missing or not yours', () => {
  it.each([
    ['does not exist', {}, () => ({ id: crypto.randomUUID() })],
    ['belongs to another run', {}, () => ({ run_id: crypto.randomUUID() })],
    ['belongs to another account', { account_id: 'acc_neighbour' }, () => ({})],
    [
      'belongs to an account whose name differs in case',
      { account_id: ACCOUNT.toLowerCase() },
      () => ({}),
    ],
    ['belongs to the shared account', { account_id: 'shared' }, () => ({})],
  ])('answers 404 and stores nothing when it %s', async (_, fields, elsewhere) => {
    const row = await storeEvaluation(fields);

    await expectRefusal(await worker(await putValue({ ...row, ...elsewhere() }, 9)), NOT_FOUND);

    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('answers a missing and a foreign evaluation with the same bytes and headers', async () => {
    const mine = await storeEvaluation();
    const foreign = await storeEvaluation({ account_id: 'acc_neighbour' });
    const targets = [
      { ...mine, id: crypto.randomUUID() },
      { ...mine, run_id: foreign.run_id },
      foreign,
    ];

    const answers = await Promise.all(
      targets.map(async (target) => {
        const sent = await putValue(target, 9);
        sent.headers.set('x-request-id', 'same-for-all');
        const response = await worker(sent);
        return {
          status: response.status,
          headers: [...response.headers],
          body: await response.text(),
        };
      }),
    );

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });
});

describe('updateEvaluationByPost', () => {
  it('answers POST exactly as PUT: same response, same preconditions, same history', async () => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const post = async (value: number, headers: Record<string, string> = {}) =>
      worker(
        await request(buildPath(row), { method: 'POST', headers, body: JSON.stringify({ value }) }),
      );

    const posted = await post(5);
    expect(posted.status).toBe(200);
    const put = await worker(await putValue(row, 5));
    expect(await put.json()).toEqual(await posted.json());
    expect(put.headers.get('etag')).toBe(posted.headers.get('etag'));
    expect((await post(6, { 'if-match': '"x"' })).status).toBe(412);
    await expectRefusal(await post(11), makeUnprocessable('value must be between 1 and 10.'));
    expect(await readHistory(row.id)).toHaveLength(1);
  });
});
