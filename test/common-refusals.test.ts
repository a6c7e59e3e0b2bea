/** Tests the refusals that all operations have in common: status, headers and sentence. */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable, refuseBadPathId, TOO_LARGE, UNSUPPORTED } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import { fill, OPERATIONS } from './support/operations.ts';
import {
  createWorker,
  DB,
  expectRefusedUpdate,
  type Row,
  storeLabelled,
  worker,
} from './support/worker.ts';

type Refusal = Parameters<typeof expectRefusedUpdate>[2];

/** Expects `refusal` for the request, and returns the Worker's calls to D1. */
async function expectRefused(
  refusal: Refusal,
  requestFor: (row: Row) => Promise<Request>,
): Promise<string[]> {
  const row = await storeLabelled({ min_value: 1, max_value: 10 });
  const { db, calls } = countCalls(DB);
  await expectRefusedUpdate(row, await requestFor(row), refusal, createWorker({ DB: db }));
  return calls;
}

const listRefusals = (kind: 'malformed' | 'forbidden') =>
  OPERATIONS.flatMap(({ name, requestAlone, requestFor, [kind]: refused }) =>
    Object.entries(refused).map(([what, { error, ...change }]) => ({
      name,
      what,
      error,
      requestFor: (row: Row) =>
        kind === 'malformed' ? requestAlone(row, {}, change) : requestFor(row, {}, change),
    })),
  );

describe('a malformed request', () => {
  it.each(listRefusals('malformed'))(
    '$name refuses with 400, before it asks D1: $what',
    async ({ error, requestFor }) => {
      expect(await expectRefused({ status: 400, error }, requestFor)).toEqual([]);
    },
  );

  const pathIds = OPERATIONS.flatMap((operation) =>
    [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, id = '']) => ({ ...operation, id })),
  );
  it.each(pathIds)(
    '$name refuses with 400, before it asks D1: a path whose $id is no UUID',
    async ({ id, path, resource, requestAlone }) => {
      const removeId = async (row: Row) => {
        const sent = await requestAlone(row);
        return new Request(
          new URL(fill(path, { ...resource.pickIds(row), [id]: 'x' }), sent.url),
          sent,
        );
      };

      expect(await expectRefused(refuseBadPathId(id), removeId)).toEqual([]);
    },
  );
});

describe('a body', () => {
  const withBody = OPERATIONS.filter(({ body }) => body);

  it.each(withBody)(
    '$name refuses a body of more than 64 KiB with 413, before it asks D1',
    async ({ requestAlone }) => {
      const long = { body: () => 'x'.repeat(64 * 1024 + 1) };

      expect(await expectRefused(TOO_LARGE, (row) => requestAlone(row, {}, long))).toEqual([]);
    },
  );

  it.each(withBody)(
    '$name refuses a body that is not JSON with 415, before it asks D1',
    async ({ requestAlone }) => {
      const makeTextRequest = (row: Row) => requestAlone(row, { 'content-type': 'text/plain' });

      expect(await expectRefused(UNSUPPORTED, makeTextRequest)).toEqual([]);
    },
  );
});

describe('what does not exist', () => {
  const needing = OPERATIONS.flatMap(({ name, missing, requestFor }) =>
    missing ? [{ name, missing, requestFor }] : [],
  );

  it.each(needing)(
    '$name refuses what does not exist, and stores nothing',
    async ({ missing, requestFor }) => {
      const [run_id, evaluation_label_id] = [crypto.randomUUID(), crypto.randomUUID()];
      const elsewhere = (row: Row) => requestFor({ ...row, run_id, evaluation_label_id });

      await expectRefused(missing, elsewhere);
    },
  );
});

describe('what is well-formed and not allowed', () => {
  it.each(listRefusals('forbidden'))(
    '$name refuses with 422: $what',
    async ({ error, requestFor }) => {
      await expectRefused(makeUnprocessable(error), requestFor);
    },
  );
});

describe('a create that is sent again', () => {
  const repeatable = OPERATIONS.flatMap(({ name, success, repeatable, requestFor }) =>
    repeatable ? [{ name, success, repeatable, requestFor }] : [],
  );

  it.each(repeatable)(
    '$name answers a repeated create with 200 for the same content, and with 409 for other content',
    async ({ success, repeatable: { body, conflicting, error }, requestFor }) => {
      const row = await storeLabelled({});
      const statuses = [];
      for (const _ of [1, 2])
        statuses.push((await worker(await requestFor(row, {}, { body }))).status);

      expect(statuses).toEqual([success, 200]);
      await expectRefusedUpdate(row, await requestFor(row, {}, { body: conflicting }), {
        status: 409,
        error,
      });
    },
  );
});

describe('a method that a path does not have', () => {
  const paths = [...new Set(OPERATIONS.map(({ path }) => path))];
  const listMethods = (path: string) =>
    OPERATIONS.filter((other) => other.path === path).map(({ method }) => method);

  it.each(paths)(
    'refuses with 405 a method that the path does not have, and names its methods: %s',
    async (path) => {
      const methods = listMethods(path);
      const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].sort().join(', ');
      const refusal = {
        status: 405,
        error: `This path does not have that method; it has ${allow}.`,
        headers: { allow },
      };
      const patch = async () => new Request(`https://api.test${path}`, { method: 'PATCH' });

      expect(await expectRefused(refusal, patch)).toEqual([]);
    },
  );
});
