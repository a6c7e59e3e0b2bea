/** Tests the log line of a request. The line never contains the token, the body or the value. */
import { describe, expect, it, vi } from 'vitest';
import { createStillClock } from './support/clock.ts';
import { makeFlakyD1 } from './support/d1.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  buildLabelPath,
  buildPath,
  createWorker,
  DB,
  get,
  mintToken,
  putValue,
  readEvaluation,
  request,
  type Send,
  STORE,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

async function readLog(sent: Request, send: Send = worker) {
  const id = crypto.randomUUID();
  sent.headers.set('x-request-id', id);
  const [log, error] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')];
  await send(sent);
  const lines = [...log.mock.calls, ...error.mock.calls].flat().map(String);
  const own = lines.filter((line) => line.includes(id));
  expect(own).toHaveLength(1);
  return { id, text: own.join(), line: JSON.parse(own.join()) };
}

const VERSION = { id: 'version-1', tag: '', timestamp: '2026-11-01T00:00:00.000Z' };

describe('the log line', () => {
  it('logs a request without its token, its body or its value', async () => {
    const row = await storeEvaluation();
    const token = await mintToken({}, { kid: 'key-1' });
    const sent = await putValue(row, 4321.5, token);
    sent.headers.set('cf-ray', '8f1e2d3c4b5a6978-FRA');

    const { id, line, text } = await readLog(sent, createWorker({ CF_VERSION_METADATA: VERSION }));

    expect(line).toEqual({
      request_id: id,
      ray: '8f1e2d3c4b5a6978-FRA',
      version: 'version-1',
      method: 'PUT',
      operation: 'updateEvaluation',
      status: 200,
      duration_ms: expect.any(Number),
      account: row.account_id,
      key_id: 'key-1',
      evaluation: row.id,
      store: STORE,
      db_calls: 1,
      db_attempts: 1,
      rows_read: 3,
      rows_written: 2,
    });
    expect(text).not.toContain(token);
    expect(text).not.toContain('4321.5');
    expect(await readEvaluation(row.id)).toMatchObject({ value: 4321.5 });
  });

  it.each(OPERATIONS)(
    'logs the operation, the account and the calls to D1: $name',
    async ({ name, method, success, requestFor }) => {
      const row = await storeEvaluation();

      const { line } = await readLog(await requestFor(row));

      expect(line).toMatchObject({
        operation: name,
        method,
        status: success,
        account: row.account_id,
        db_calls: 1,
        db_attempts: 1,
      });
    },
  );

  it.each(OPERATIONS)(
    'logs the operation that refused, and the reason: $name',
    async ({ name, method, requestFor }) => {
      const { line } = await readLog(
        await requestFor(await storeEvaluation(), { authorization: null }),
      );

      expect(line).toMatchObject({
        operation: name,
        method,
        status: 401,
        refusal: 'no_credentials',
      });
      expect(line).not.toHaveProperty('db_calls');
    },
  );

  it.each([
    ['8f1e2d3c4b5a6978', '8f1e2d3c4b5a6978'],
    ['r'.repeat(128), 'r'.repeat(128)],
    ['r'.repeat(10_000), 'r'.repeat(128)],
    ['é"\\', '\\u00e9"\\'],
  ])('logs at most 128 characters of printable ASCII of a cf-ray: %j', async (sent, ray) => {
    const row = await storeEvaluation();
    const { line, text } = await readLog(
      await get(buildPath(row), { 'cf-ray': sent, authorization: null }),
    );

    expect(line).toMatchObject({ ray, refusal: 'no_credentials' });
    expect(text).toMatch(/^[\x20-\x7e]+$/);
  });

  it('logs at most 128 characters of printable ASCII of a key id', async () => {
    const row = await storeEvaluation();
    const token = await mintToken({}, { kid: `\u2028\ud800${'k'.repeat(500)}` });

    const { line, text } = await readLog(await putValue(row, 9, token));

    expect(line.key_id).toBe(`\\u2028\\ud800${'k'.repeat(116)}`);
    expect(text).toMatch(/^[\x20-\x7e]+$/);
  });

  it('logs the label in the path', async () => {
    const label = await storeLabel();

    const { line } = await readLog(await get(buildLabelPath(label)));

    expect(line).toMatchObject({ operation: 'getEvaluationLabel', label: label.id, status: 200 });
  });

  it('logs the attempts of a call to D1 that failed at first', async () => {
    const row = await storeEvaluation();
    const { db } = makeFlakyD1(DB, 'Network connection lost.', 'fails', 'fails', 'succeeds');

    const send = createWorker({ DB: db }, createStillClock(new Date()));

    const { line } = await readLog(await putValue(row, 9), send);

    expect(line).toMatchObject({ status: 200, db_calls: 1, db_attempts: 3, rows_written: 2 });
  });

  it('logs the calls of a refusal and its reason', async () => {
    const missing = await request(
      buildPath({ ...(await storeEvaluation()), id: crypto.randomUUID() }),
      {
        body: '{"value":9}',
      },
    );

    const { line } = await readLog(missing);

    expect(line).toMatchObject({
      status: 404,
      refusal: 'not_found',
      db_calls: 1,
      db_attempts: 1,
      rows_written: 0,
    });
  });
});
