/**
 * Tests the refusals of an update, status by status. common-refusals.test.ts tests the refusals
 * that all operations share.
 */
import { describe, expect, it, vi } from 'vitest';
import {
  COMPRESSED,
  INTERNAL_ERROR,
  refuseBadPathId,
  TOO_LARGE,
  UNSUPPORTED,
} from './support/answers.ts';
import { countCalls, interceptD1, makeFlakyD1 } from './support/d1.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  putValue,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const encodeUtf8 = (text: string) => new TextEncoder().encode(text);
const invalidUtf8 = new Uint8Array([
  ...encodeUtf8('{"value":1,"a":"'),
  0xc3,
  0x28,
  ...encodeUtf8('"}'),
]);

describe('400: a body that is not an update', () => {
  const NOT_JSON = 'The body must be valid JSON in UTF-8.';
  const NOT_AN_OBJECT = 'The body must be a JSON object.';
  const NO_VALUE = 'The body must have the property value, a JSON number.';
  const NOT_A_NUMBER = 'value must be a JSON number.';
  const QUOTED = 'value must be a JSON number: send it without quotes.';
  const NOT_FINITE = 'value must be a finite number: it is outside the range of a double.';

  it.each<[string, BodyInit | null, string]>([
    ['no body', null, NOT_JSON],
    ['an empty body', '', NOT_JSON],
    ['text', '<value>9</value>', NOT_JSON],
    ['truncated JSON', '{"value":9', NOT_JSON],
    ['JSON with something after it', '{"value":9}}', NOT_JSON],
    ['invalid UTF-8', invalidUtf8, NOT_JSON],
    ['UTF-8 cut inside a character', encodeUtf8('{"value":1,"a":"é"}').slice(0, 17), NOT_JSON],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]), NOT_JSON],
    ['an array', '[{"value":9}]', NOT_AN_OBJECT],
    ['a number', '9', NOT_AN_OBJECT],
    ['a string', '"value"', NOT_AN_OBJECT],
    ['null', 'null', NOT_AN_OBJECT],
    ['an empty object', '{}', NO_VALUE],
    ['another spelling of value', '{"Value":9}', NO_VALUE],
    ['a value of the prototype', '{"__proto__":{"value":9}}', NO_VALUE],
    ['a value that is a string', '{"value":"9"}', QUOTED],
    ['a value that is no number at all', '{"value":"nine"}', QUOTED],
    ['a value that is null', '{"value":null}', NOT_A_NUMBER],
    ['a value that is true', '{"value":true}', NOT_A_NUMBER],
    ['a value that is an array', '{"value":[9]}', NOT_A_NUMBER],
    ['a value that is an object', '{"value":{"valueOf":9}}', NOT_A_NUMBER],
    ['a value beyond a double', '{"value":1e400}', NOT_FINITE],
    ['a value below a double', '{"value":-1e400}', NOT_FINITE],
  ])('an update refuses a body with 400: %s', async (_, body, error) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await request(buildPath(row), { body }), { status: 400, error });
  });

  it('refuses a part of a body', async () => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), {
      body: '{"value":9}',
      headers: { 'content-range': 'bytes 0-10/20' },
    });

    await expectRefusedUpdate(row, sent, {
      status: 400,
      error: 'Send the whole body, without the header Content-Range.',
    });
  });

  it('refuses a body that breaks off', async () => {
    const row = await storeEvaluation();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encodeUtf8('{"value":9')),
      pull: (controller) => controller.error(new Error('connection lost')),
    });

    await expectRefusedUpdate(
      row,
      await request(buildPath(row), { body }),
      { status: 400, error: 'The body ended before it was complete: send it again.' },
      createWorker({}),
    );
  });
});

describe('400: a path id that is not a UUID', () => {
  const UUID = '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01';

  it.each([
    '1',
    UUID.slice(0, -1),
    `${UUID}0`,
    UUID.replaceAll('-', ''),
    `{${UUID}}`,
    UUID.replace('0', 'g'),
    `urn:uuid:${UUID}`,
    `${UUID}%00`,
    `%00${UUID}`,
    `..%2F${UUID}`,
    `${UUID}%2F`,
    `${UUID}%20`,
    `${UUID}%0A`,
    '%',
    '%zz',
    '%E0%A4%A',
    '%C3%28',
    `${UUID}';--`,
  ])('an update refuses a path id with 400: %s', async (id) => {
    const body = '{"value":9}';

    await expectRefusal(
      await worker(await request(`/v1/run/${id}/evaluation/${UUID}`, { body })),
      refuseBadPathId('run_id'),
    );
    await expectRefusal(
      await worker(await request(`/v1/run/${UUID}/evaluation/${id}`, { body })),
      refuseBadPathId('evaluation_id'),
    );
  });
});

describe('404: an unknown path', () => {
  it.each([
    '/',
    '/v1',
    '/v1/run',
    '/v2/run/a/evaluation/b',
    '/v1/run/a/evaluation',
    '/v1/run/a/evaluation/',
    '/v1/run/a/evaluation/b/',
    '/v1/run/a/evaluations/',
    '/v1/link/',
    '/health/',
    '/v1/run/a/evaluation/b/c',
    '/v1/run//evaluation/b',
    '/v1/runs/a/evaluations/b',
    '/V1/run/a/evaluation/b',
    '//v1/run/a/evaluation/b',
  ])('refuses %s, with a token and without', async (path) => {
    const refusal = {
      status: 404,
      error: 'No such path: GET /openapi.json describes the paths that exist.',
    };

    await expectRefusal(await worker(await request(path, { body: '{"value":9}' })), refusal);
    await expectRefusal(
      await worker(await request(path, { headers: { authorization: null } })),
      refusal,
    );
  });
});

describe('405: another method on the path', () => {
  it.each(['PATCH', 'OPTIONS', 'PROPFIND'])(
    'refuses %s and says what is allowed',
    async (method) => {
      const row = await storeEvaluation();

      await expectRefusedUpdate(row, await request(buildPath(row), { method }), {
        status: 405,
        error: 'This path does not have that method; it has DELETE, GET, HEAD, POST, PUT.',
        headers: { allow: 'DELETE, GET, HEAD, POST, PUT' },
      });
    },
  );

  it.each([
    ['/v1/run/x/evaluations', 'PUT', 'GET, HEAD, POST'],
    ['/v1/run/x/evaluation/y/history', 'POST', 'GET, HEAD'],
    ['/openapi.json', 'POST', 'GET, HEAD'],
    ['/health', 'PUT', 'GET, HEAD'],
  ])('refuses a method that %s does not have, without a token', async (path, method, allow) => {
    await expectRefusal(
      await worker(await request(path, { method, headers: { authorization: null } })),
      {
        status: 405,
        error: `This path does not have that method; it has ${allow}.`,
        headers: { allow },
      },
    );
  });
});

describe('413: a body over 64 KiB', () => {
  const body = `{"value":9,"pad":"${'x'.repeat(64 * 1024)}"}`;

  it('refuses a body over 64 KiB with a Content-Length', async () => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), {
      body,
      headers: { 'content-length': String(body.length) },
    });

    await expectRefusedUpdate(row, sent, TOO_LARGE);
  });

  it('refuses a body over 64 KiB by its Content-Length alone, before it reads', async () => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), {
      body: '{"value":9}',
      headers: { 'content-length': '65537' },
    });

    await expectRefusedUpdate(row, sent, TOO_LARGE, createWorker({}));
  });

  it('refuses a body over 64 KiB without a Content-Length, and reads no further than it must', async () => {
    const row = await storeEvaluation();
    let pulled = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(encodeUtf8('x'.repeat(1024)));
      },
      cancel: () => {
        cancelled = true;
      },
    });

    await expectRefusedUpdate(
      row,
      await request(buildPath(row), { body: endless }),
      TOO_LARGE,
      createWorker({}),
    );

    expect(pulled).toBeLessThan(80);
    expect(cancelled).toBe(true);
  });

  it('refuses a body over 64 KiB whose Content-Length is too small', async () => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), { body, headers: { 'content-length': '11' } });

    await expectRefusedUpdate(row, sent, TOO_LARGE, createWorker({}));
  });
});

describe('415: a body that is not declared as JSON', () => {
  it('tells a sender of a string without a Content-Type which header to set', async () => {
    const row = await storeEvaluation();
    const { headers, url, method } = await request(buildPath(row), {
      headers: { 'content-type': null },
    });
    const sent = new Request(url, { method, headers, body: '{"value":9}' });

    expect(sent.headers.get('content-type')).toBe('text/plain;charset=UTF-8');
    await expectRefusedUpdate(row, sent, UNSUPPORTED);
  });

  it.each([
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
    'application/jsonp',
    'application/json5',
    'application/xjson',
    'application/x+json5',
    'application/json/x',
    'json',
    '+json',
    'text/plain; as=application/json',
  ])('an update refuses the Content-Type with 415: %s', async (contentType) => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), {
      body: '{"value":9}',
      headers: { 'content-type': contentType },
    });

    await expectRefusedUpdate(row, sent, UNSUPPORTED);
  });

  it('takes a body that says it is not compressed', async () => {
    const row = await storeEvaluation();
    const sent = await request(buildPath(row), {
      body: '{"value":9}',
      headers: { 'content-encoding': 'Identity' },
    });

    expect((await worker(sent)).status).toBe(200);
  });

  it('refuses a compressed body', async () => {
    const row = await storeEvaluation();
    const body = await new Response(
      new Response('{"value":9}').body?.pipeThrough(new CompressionStream('gzip')),
    ).arrayBuffer();
    const sent = await request(buildPath(row), { body, headers: { 'content-encoding': 'gzip' } });

    await expectRefusedUpdate(row, sent, COMPRESSED);
  });
});

describe('500: an internal error', () => {
  it('answers 500 with one constant sentence when D1 fails, and logs the cause', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const { db, calls } = makeFlakyD1(DB, 'no such table: run_evaluation: SQLITE_ERROR', 'fails');
    const token = await mintToken();

    await expectRefusedUpdate(
      row,
      await putValue(row, 4321.5, token),
      INTERNAL_ERROR,
      createWorker({ DB: db }),
    );

    const lines = logged.mock.calls.flat().join('\n');
    expect(lines).toContain('no such table');
    expect(calls).toEqual(['batch']);
    expect(lines).not.toContain(token);
    expect(lines).not.toContain('4321.5');
  });
});

describe('the log of an internal error', () => {
  it('logs the whole chain of causes of an internal error', async () => {
    const row = await storeEvaluation();
    const logged = vi.spyOn(console, 'error');
    const root = new Error('the root of it: SQLITE_ERROR');
    const db = interceptD1(DB, () =>
      Promise.reject(new Error('D1_ERROR', { cause: new Error('next', { cause: root }) })),
    );

    await expectRefusedUpdate(
      row,
      await putValue(row, 9),
      INTERNAL_ERROR,
      createWorker({ DB: db }),
    );

    const { cause } = JSON.parse(String(logged.mock.calls.flat()[0]));
    expect(cause).toMatch(/D1_ERROR.*caused by Error: next.*caused by Error: the root of it/s);
  });
});

describe('before D1 is asked', () => {
  it('refuses a malformed request without a call to D1, and any other with one call', async () => {
    const row = await storeEvaluation();
    const { db, calls } = countCalls(DB);
    const send = createWorker({ DB: db });

    for (const sent of [
      await request(buildPath(row), { headers: { authorization: null } }),
      await request(buildPath(row), { body: '{}' }),
      await request(buildPath(row), { body: '{"value":1e400}' }),
      await request(buildPath({ ...row, id: 'x' }), { body: '{"value":9}' }),
      await request(buildPath(row), { body: 'x'.repeat(70_000) }),
      await request(buildPath(row), {
        body: '{"value":9}',
        headers: { 'content-type': 'text/plain' },
      }),
      await request(buildPath(row), { method: 'PATCH' }),
    ]) {
      expect((await send(sent)).ok).toBe(false);
    }

    expect(calls).toEqual([]);
    expect((await send(await putValue({ ...row, id: crypto.randomUUID() }, 9))).status).toBe(404);
    expect(calls).toEqual(['batch']);
  });
});

describe('the request id', () => {
  it.each(['a', 'req-1:2.3_4', 'A'.repeat(128)])(
    'returns the caller\u2019s request id if it is well-formed: %s',
    async (id) => {
      const row = await storeEvaluation();
      const sent = await request(buildPath(row), {
        body: '{"value":9}',
        headers: { 'x-request-id': id },
      });

      expect((await worker(sent)).headers.get('x-request-id')).toBe(id);
    },
  );

  it.each(['', 'a b', 'a"b', '<script>', '{"a":1}', 'A'.repeat(129)])(
    'returns a new request id if the caller\u2019s is malformed: %s',
    async (id) => {
      const row = await storeEvaluation();
      const sent = await request(buildPath(row), {
        body: '{"value":9}',
        headers: { 'x-request-id': id },
      });

      expect((await worker(sent)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});
