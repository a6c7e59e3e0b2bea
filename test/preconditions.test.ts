/** Tests that the Worker applies or refuses a precondition, and ignores none (RFC 9110 §13.1). */
import { describe, expect, it, vi } from 'vitest';
import { makePreconditionFailed } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import { createLinkTo, visit } from './support/links.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  get,
  putValue,
  readEvaluation,
  request,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

const HEADERS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'];
const VALUES = ['*', '"a"', 'Sun, 22 Nov 2026 10:11:12 GMT', 'no precondition'];

/** `evaluated` lists the preconditions that the operation takes. */
const makeRefusal = (header: string, evaluated: readonly string[]) => ({
  status: 400,
  error:
    evaluated.length === 0
      ? `This operation takes no precondition: leave ${header} out.`
      : `This operation takes ${evaluated.join(' and ')}, not ${header}.`,
});

describe('a precondition that an operation cannot evaluate', () => {
  const cases = OPERATIONS.flatMap(({ name, requestFor, evaluates = [] }) =>
    HEADERS.filter((header) => !evaluates.includes(header)).map((header) => ({
      name,
      header,
      requestFor,
      refusal: makeRefusal(header, evaluates),
    })),
  );

  it.each(cases)(
    '$name refuses a precondition that it cannot evaluate, before it calls D1: $header',
    async ({ header, requestFor, refusal }) => {
      const row = await storeLabelled({ min_value: 1, max_value: 10 });
      const { db, calls } = countCalls(DB);
      for (const value of VALUES) {
        const sent = await requestFor(row, { [header]: value });
        await expectRefusedUpdate(row, sent, refusal, createWorker({ DB: db }));
      }
      expect(calls).toEqual([]);
    },
  );

  it('refuses a precondition on the page of a link and in an answer there, and stores nothing', async () => {
    const row = await storeLabelled({ min_value: 1, max_value: 10 });
    const { url } = await createLinkTo(row);
    const headers = { accept: 'text/html', 'if-match': '*' };
    const form = new URLSearchParams({ version: row.created_at, value: '9' });

    expect((await worker(visit(url, { headers }))).status).toBe(400);
    expect((await worker(visit(url, { headers, method: 'POST', body: form }))).status).toBe(400);
    expect(await readEvaluation(row.id)).toEqual(row);
  });
});

describe('If-Match on a read', () => {
  const stored = async () => {
    const row = await storeEvaluation();
    return { row, tag: `"${row.created_at}"` };
  };

  it('answers a read with 200 if If-Match names the current version, in a list, or is *', async () => {
    const { row, tag } = await stored();
    for (const ifMatch of [tag, `"a", ${tag}`, '*', ' * ']) {
      const response = await worker(await get(buildPath(row), { 'if-match': ifMatch }));
      expect(response.status).toBe(200);
    }
  });

  it('answers a read with 412 and the current ETag if If-Match names another version, or a weak tag', async () => {
    const { row, tag } = await stored();
    for (const ifMatch of ['"a"', `W/${tag}`, '"2026-01-01T00:00:00.000Z"']) {
      const response = await worker(await get(buildPath(row), { 'if-match': ifMatch }));
      await expectRefusal(response, makePreconditionFailed(row.created_at));
    }
  });

  it('applies If-Match before If-None-Match on a read', async () => {
    const { row, tag } = await stored();
    const read = async (ifMatch: string) =>
      (await worker(await get(buildPath(row), { 'if-match': ifMatch, 'if-none-match': tag })))
        .status;

    expect([await read(tag), await read('"a"')]).toEqual([304, 412]);
  });

  it('applies If-Match to the evaluation that a link gives as JSON', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const read = async (headers: Record<string, string>) =>
      (await worker(visit(url, { headers: { accept: 'application/json', ...headers } }))).status;

    expect(await read({ 'if-match': '"a"' })).toBe(412);
    expect(await read({ 'if-none-match': `"${row.created_at}"` })).toBe(304);
    expect(await read({ 'if-match': `"${row.created_at}"` })).toBe(200);
  });
});

describe('If-Match with many tags', () => {
  const versions = (count: number) =>
    Array.from({ length: count }, (_, n) => `"${new Date(n).toISOString()}"`);

  const countRowsRead = async (ifMatch: string) => {
    const row = await storeEvaluation({ value: 3 });
    const logged = vi.spyOn(console, 'log');
    const headers = { 'if-match': ifMatch.replaceAll('CURRENT', row.created_at) };
    const sent = await request(buildPath(row), { body: '{"value":9}', headers });
    const { status } = await worker(sent);
    const line = JSON.parse(String(logged.mock.calls.flat().at(-1)));
    return { status, rows: line.rows_read };
  };

  it('drops 40,000 tags of If-Match that cannot be a version, and reads no row for them', async () => {
    const none = Array.from({ length: 40_000 }, (_, n) => `"${n}"`).join();

    const few = await countRowsRead('"CURRENT"');
    expect(few.status).toBe(200);
    expect(await countRowsRead(`${none}, "CURRENT"`)).toEqual(few);
    expect((await countRowsRead(none)).status).toBe(412);
  });

  it('drops repeated tags of If-Match', async () => {
    const { status, rows } = await countRowsRead(Array(5000).fill('"CURRENT"').join());
    expect([status, rows]).toEqual([200, (await countRowsRead('"CURRENT"')).rows]);
  });

  it('accepts 100 versions in If-Match, and refuses 101', async () => {
    expect((await countRowsRead([...versions(99), '"CURRENT"'].join())).status).toBe(200);
    const row = await storeEvaluation();
    const sent = await putValue(row, 9);
    sent.headers.set('if-match', versions(101).join());
    await expectRefusedUpdate(row, sent, {
      status: 400,
      error: 'If-Match must name at most 100 entity tags.',
    });
  });
});
