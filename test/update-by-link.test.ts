/**
 * Tests updateEvaluationByLink. The Worker stores the value at the link's pointer or path, and the
 * link's author.
 */
import { describe, expect, it, vi } from 'vitest';
import { LINK_NOT_FOUND, makeUnprocessable, NOT_FOUND } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { makeFlakyD1 } from './support/d1.ts';
import { createLinkTo, open, post, readKey, visit } from './support/links.ts';
import { SMALL_RATE_LIMITER, sendUntilLimited } from './support/rate-limit.ts';
import { REQUESTS } from './support/senders.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusedUpdate,
  expectUnbroken,
  putValue,
  type Row,
  readEvaluation,
  readHistory,
  request,
  requirePresent,
  SUBJECT,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

describe('a sender', () => {
  it.each(REQUESTS)(
    'stores the value of a sender\u2019s request in the name of the link: $name',
    async ({ headers, body, pointer, values, label, value }) => {
      const row = await storeLabelled(label);
      const { url } = await createLinkTo(row, { pointer, values, name: 'hook' });

      const response = await worker(visit(url, { method: 'POST', headers, body }));

      expect(response.status).toBe(200);
      const stored = await readEvaluation(row.id);
      expect(await response.json()).toEqual(stored);
      expect(stored).toEqual({
        ...row,
        value,
        updated_by: `${SUBJECT}/hook`,
        updated_at: expect.any(String),
      });
      expect(response.headers.get('etag')).toBe(`"${stored?.updated_at}"`);
    },
  );

  it.each(
    REQUESTS.filter(({ headers }) =>
      Object.keys(headers).some((name) => /^(webhook|svix)-id$/.test(name)),
    ),
  )(
    'undoes nothing if a sender repeats late, after another caller has written: $name',
    async ({ headers, body, pointer, values, label, value }) => {
      const row = await storeLabelled(label);
      const { url } = await createLinkTo(row, { pointer, values });
      const sent = () => visit(url, { method: 'POST', headers, body });
      await worker(sent());
      const other = value === 1 ? 0 : 1;
      expect((await worker(await putValue(row, other))).status).toBe(200);

      const late = await worker(sent());

      expect(late.status).toBe(200);
      expect(await late.json()).toMatchObject({ value });
      expect(await readEvaluation(row.id)).toMatchObject({ value: other });
      expect(await readHistory(row.id)).toHaveLength(2);
    },
  );
});

describe('what the pointer finds', () => {
  const pointers = { pointer: '/a', values: { yes: 1, '': 2, ' yes': 3, '8': 4 } };

  it.each([
    ['{"a":7.5}', 7.5],
    ['{"a":-0.0}', 0],
    ['{"a":1e3}', 1000],
    ['{"a":true}', 1],
    ['{"a":false}', 0],
    ['{"a":"yes"}', 1],
    ['{"a":""}', 2],
    ['{"a":" yes"}', 3],
    ['{"a":"8"}', 4],
    ['{"a":"0.82"}', 0.82],
    ['{"a":"-1.5e-1"}', -0.15],
    ['{"a":"-0"}', 0],
    ['{"a":"9"}', 9],
    [
      '{"a":5,"id":"x","value":9,"account_id":"acc_neighbour","run_id":1,"updated_by":"mallory","created_at":0}',
      5,
    ],
    [`\ufeff {"a":6} \n`, 6],
    ['{"a":1,"a":2}', 2],
  ])('stores the value at the pointer: %s', async (body, value) => {
    const row = await storeEvaluation({ value: 99 });
    const { url } = await createLinkTo(row, pointers);

    const response = await worker(post(url, body));

    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toEqual({
      ...row,
      value,
      updated_by: SUBJECT,
      updated_at: expect.any(String),
    });
  });

  it.each([
    ['{"a":1}', 0.5],
    ['{"a":1.0}', 0.5],
    ['{"a":"1"}', 0.5],
    ['{"a":1.50}', 0.25],
    ['{"a":"1.50"}', 1.5],
    ['{"a":"1.0"}', 20],
    ['{"a":-0.0}', 7],
    ['{"a":"-0"}', 0],
    ['{"a":2}', 2],
    ['{"a":true}', 10],
    ['{"a":"true"}', 10],
    ['{"a":false}', 0],
    ['{"a":1e21}', 3],
  ])(
    'looks the value up in values before anything else, as its text or JSON text: %s',
    async (body, value) => {
      const row = await storeEvaluation({ value: 99 });
      const values = { 1: 0.5, '1.5': 0.25, '1.0': 20, 0: 7, true: 10, '1e+21': 3 };
      const { url } = await createLinkTo(row, { pointer: '/a', values });

      expect((await worker(post(url, body))).status).toBe(200);
      expect(await readEvaluation(row.id)).toMatchObject({ value });
    },
  );

  it.each(['{"a":null}', '{"a":1e400}', '{"a":[1]}', '{"a":{}}', '{}'])(
    'looks up only a text, a number or a boolean in values: %s',
    async (body) => {
      const row = await storeEvaluation();
      const values = { null: 1, Infinity: 1, '[1]': 1, '1': 1, '{}': 1, undefined: 1, '': 1 };
      const { url } = await createLinkTo(row, { pointer: '/a', values });

      expect((await worker(post(url, body))).status).toBe(422);
      expect(await readEvaluation(row.id)).toEqual(row);
    },
  );

  it.each([
    ['', '8', 8],
    ['/0', '[7]', 7],
    ['/a~1b/m~0n', '{"a/b":{"m~n":6}}', 6],
    ['/', '{"":5}', 5],
    ['/a/1/b', '{"a":[0,{"b":4}]}', 4],
    ['/__proto__', '{"__proto__":3}', 3],
  ])('finds the value anywhere in the body: %j in %s', async (pointer, body, value) => {
    const row = await storeEvaluation({ value: 99 });
    const { url } = await createLinkTo(row, { pointer });

    expect((await worker(post(url, body))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value });
  });

  const WANTED = 'it must be a number, true or false, or "approved", or "rejected".';

  it.each([
    ['{}', 'What /a finds in the body is nothing'],
    ['[]', 'What /a finds in the body is nothing'],
    ['null', 'What /a finds in the body is nothing'],
    ['"a"', 'What /a finds in the body is nothing'],
    ['{"a":null}', 'What /a finds in the body is null'],
    ['{"a":[1]}', 'What /a finds in the body is an array'],
    ['{"a":{"value":1}}', 'What /a finds in the body is an object'],
    ['{"a":1e400}', 'What /a finds in the body is a number beyond a double'],
    ['{"a":"5/10"}', 'What /a finds in the body is the text "5/10"'],
    ['{"a":"1e400"}', 'What /a finds in the body is the text "1e400"'],
    ...['+1', '01', '.5', '1.', '0x10', ' 8', '8\\n', '1_000', '1,5', 'Infinity', 'NaN', ''].map(
      (text) => [`{"a":"${text}"}`, `What /a finds in the body is the text "${text}"`],
    ),
    ['{"a":"Approved"}', 'What /a finds in the body is the text "Approved"'],
    ['{"a":"toString"}', 'What /a finds in the body is the text "toString"'],
    ['{"a":"__proto__"}', 'What /a finds in the body is the text "__proto__"'],
    [`{"a":"${'é'.repeat(65)}"}`, `What /a finds in the body is the text "${'é'.repeat(64)}…"`],
  ])(
    'refuses what the pointer finds, and names what would be accepted: %s',
    async (body, found) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row, {
        pointer: '/a',
        values: { approved: 1, rejected: 0 },
      });

      await expectRefusedUpdate(row, post(url, body), makeUnprocessable(`${found}: ${WANTED}`));
    },
  );

  it('refuses a body that should be the value and is none', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { pointer: '' });

    const error = 'The body is an array: it must be a number, true or false.';
    await expectRefusedUpdate(row, post(url, '[1]'), makeUnprocessable(error));
  });

  it('judges the value of a link by the label, like every update', async () => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const { url } = await createLinkTo(row, { values: { most: 11 } });

    for (const body of ['{"value":11}', '{"value":"most"}', '{"value":false}'])
      await expectRefusedUpdate(
        row,
        post(url, body),
        makeUnprocessable('value must be between 1 and 10.'),
      );
  });
});

describe('a sender that says of its JSON that it is a form, and that it takes HTML, as Java does', () => {
  const JAVA = {
    accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
    'content-type': 'application/x-www-form-urlencoded',
  };

  it('answers a sender that takes HTML with JSON', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    const response = await worker(post(url, { value: 9 }, JAVA));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(await readEvaluation(row.id));
  });

  it.each([
    [
      '{}',
      makeUnprocessable(
        'What /value finds in the body is nothing: it must be a number, true or false.',
      ),
    ],
    ['{"value":11}', makeUnprocessable('value must be between 1 and 10.')],
    ['{"value":', { status: 400, error: 'The body must be valid JSON in UTF-8.' }],
  ])('refuses a sender that takes HTML with JSON: %s', async (body, refusal) => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const { url } = await createLinkTo(row);

    await expectRefusedUpdate(row, post(url, body, JAVA), refusal);
  });
});

describe('a sender that says of its JSON that it is JSON', () => {
  it('answers every refusal of a JSON sender with JSON, also if it takes HTML', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const headers = { accept: 'text/html, */*', 'content-type': 'application/json' };

    await expectRefusedUpdate(row, post(`${url}x`, { value: 9 }, headers), LINK_NOT_FOUND);
    await expectRefusedUpdate(
      row,
      post(url, '{}', headers),
      makeUnprocessable(
        'What /value finds in the body is nothing: it must be a number, true or false.',
      ),
    );
  });

  it.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded-not'])(
    'does not take a sender\u2019s request for the form of the page: %s',
    async (type) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row);
      const body = `version=${row.created_at}&value=9`;

      await expectRefusedUpdate(row, post(url, body, { 'content-type': type }), {
        status: 400,
        error:
          'The body is a form: send JSON instead, with the header Content-Type: application/json.',
      });
    },
  );
});

describe('an update by a link', () => {
  it('keeps the value that a link replaced in the history, with its author', async () => {
    const row = await storeEvaluation({ value: 3 });
    const { url } = await createLinkTo(row, { name: 'anna' });
    for (const value of [4, 5]) await worker(post(url, { value }));

    const history = await readHistory(row.id);
    expect(history.map(({ value, updated_by }) => [value, updated_by])).toEqual([
      [3, 'user-7'],
      [4, `${SUBJECT}/anna`],
    ]);
    expectUnbroken(history, await readEvaluation(row.id));
  });

  it('stores an update by a link once if it is sent again without a key and nobody has written since', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const responses = [
      await worker(post(url, { value: 9 })),
      await worker(post(url, { value: 9 })),
    ];

    expect(new Set(await Promise.all(responses.map((response) => response.text()))).size).toBe(1);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('refuses a repeated key through a link with another value', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const key = { 'webhook-id': 'msg_1' };
    await worker(post(url, { value: 7 }, key));

    await expectRefusedUpdate(
      requirePresent(await readEvaluation(row.id)),
      post(url, { value: 8 }, key),
      makeUnprocessable(
        'The Idempotency-Key was sent to this evaluation before, with the value 7: send a new key with a new value.',
      ),
    );
  });

  it('keeps the same key of two links\u2019 authors apart', async () => {
    const row = await storeEvaluation();
    const key = { 'idempotency-key': 'same' };
    for (const name of ['anna', 'ben']) {
      const { url } = await createLinkTo(row, { name });
      expect((await worker(post(url, { value: name.length }, key))).status).toBe(200);
    }

    expect(await readHistory(row.id)).toHaveLength(2);
  });

  it('keeps the keys of a link apart from those of its creator and of another link', async () => {
    const row = await storeEvaluation();
    const key = { 'idempotency-key': 'guessable' };
    const [first, second] = [await createLinkTo(row), await createLinkTo(row)];
    const put = await request(buildPath(row), { body: '{"value":3}', headers: key });

    for (const sent of [
      post(first.url, { value: 1 }, key),
      post(second.url, { value: 2 }, key),
      put,
    ])
      expect((await worker(sent)).status).toBe(200);

    expect((await readHistory(row.id)).map(({ value }) => value)).toEqual([row.value, 1, 2]);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 3 });
  });

  it('applies If-Match to an update by a link, and refuses If-None-Match', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    await expectRefusedUpdate(row, post(url, { value: 9 }, { 'if-match': '"x"' }), {
      status: 412,
      error:
        'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
      headers: { etag: `"${row.created_at}"`, 'cache-control': 'no-store, no-transform' },
    });
    await expectRefusedUpdate(row, post(url, { value: 9 }, { 'if-none-match': '*' }), {
      status: 400,
      error: 'This operation takes If-Match, not If-None-Match.',
    });
    expect(
      (await worker(post(url, { value: 9 }, { 'if-match': `"${row.created_at}"` }))).status,
    ).toBe(200);
  });

  it.each([
    ['{"a":', 400, 'The body must be valid JSON in UTF-8.'],
    ['', 400, 'The body must be valid JSON in UTF-8.'],
    [new Uint8Array([0x22, 0xff, 0x22]), 400, 'The body must be valid JSON in UTF-8.'],
    [`"${'x'.repeat(1_048_575)}"`, 413, 'The body must be at most 1048576 bytes.'],
  ])('refuses a body that cannot be read', async (body, status, error) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    await expectRefusedUpdate(row, visit(url, { method: 'POST', body }), { status, error });
  });

  it('takes a body of 1 MiB', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const frame = '{"value":9,"text":""}';
    const body = frame.replace('""', `"${'x'.repeat(1024 * 1024 - frame.length)}"`);

    expect((await worker(post(url, body))).status).toBe(200);
    await expectRefusedUpdate(requirePresent(await readEvaluation(row.id)), post(url, `${body} `), {
      status: 413,
      error: 'The body must be at most 1048576 bytes.',
    });
  });

  it('calls D1 once for an update by a link, and reads no more than the update and its revocation', async () => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const { url } = await createLinkTo(row);
    const logged = vi.spyOn(console, 'log');
    for (const value of [9, 11]) await worker(post(url, { value }));

    const lines = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(lines).toMatchObject([
      { status: 200, db_calls: 1, db_attempts: 1, rows_read: 4, rows_written: 2 },
      { status: 422, db_calls: 1, db_attempts: 1, rows_written: 0 },
    ]);
  });

  it('stores an update by a link once if D1 loses the answer after the commit', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const { db, calls } = makeFlakyD1(DB, 'Network connection lost.', 'is lost', 'succeeds');

    const send = createWorker({ DB: db }, createStillClock(new Date()));

    expect((await send(post(url, { value: 9 }))).status).toBe(200);

    expect(calls).toEqual(['batch', 'batch']);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('answers 404 to a link whose evaluation is deleted', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    await DB.prepare('DELETE FROM run_evaluation WHERE id = ?').bind(row.id).run();

    await expectRefusedUpdate(row, post(url, { value: 9 }), LINK_NOT_FOUND);
  });

  it.each([
    ['its run', (row: Row) => row.run_id],
    ['another run', () => crypto.randomUUID()],
  ])(
    'opens a link again when its evaluation is created again under its id, in %s, and the page shows that run',
    async (_, chooseRun) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row);
      await DB.prepare('DELETE FROM run_evaluation WHERE id = ?').bind(row.id).run();
      const created = await storeEvaluation({ ...row, run_id: chooseRun(row), value: 4 });

      const response = await worker(post(url, { value: 9 }));

      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ run_id: created.run_id, value: 9 });
      expect(await (await worker(open(url))).text()).toContain(`Run ${created.run_id}<`);
    },
  );

  it('updates by a link without a run, and refuses a token with another run', async () => {
    const row = await storeEvaluation();
    const path = buildPath({ ...row, run_id: crypto.randomUUID() });
    for (const method of ['PUT', 'POST'])
      await expectRefusedUpdate(
        row,
        await request(path, { method, body: '{"value":9}' }),
        NOT_FOUND,
      );
  });

  it('counts the requests of a link apart from other links and the tokens of its maker', async () => {
    const row = await storeEvaluation();
    const send = createWorker({ RATE_LIMITER: SMALL_RATE_LIMITER });
    const [first, second] = [await createLinkTo(row), await createLinkTo(row)];

    const statuses = await sendUntilLimited(send, (value) => post(first.url, { value }));

    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect((await send(post(second.url, { value: 1 }))).status).toBe(200);
    expect((await send(await request(buildPath(row), { body: '{"value":1}' }))).status).toBe(200);
  });

  it('logs the link and its account, without key, body and value', async () => {
    const row = await storeEvaluation();
    const { id, url } = await createLinkTo(row);
    const logged = vi.spyOn(console, 'log');

    await worker(post(url, { value: 4321.5, text: 'a secret of the sender' }));

    const text = logged.mock.calls.flat().join();
    expect(JSON.parse(text)).toMatchObject({
      operation: 'updateEvaluationByLink',
      status: 200,
      account: row.account_id,
      evaluation: row.id,
      link: id,
    });
    for (const secret of [...readKey(url).split('.'), '4321.5', 'a secret'])
      expect(text).not.toContain(secret);
  });
});
