/** listEvaluations: the order, the pages, and that no page skips or repeats an entry. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { BAD_CURSOR, BAD_LIMIT } from './support/answers.ts';
import { countingD1 } from './support/d1.ts';
import { CURSORS, LIMITS, pagesFrom } from './support/pages.ts';
import { ACCOUNT, expectRefusal, get, type Row, storeEvaluation, worker, workerWith } from './support/worker.ts';

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
    'returns every row once and in order in pages of %d, also rows of the same millisecond',
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

  it('returns at most 1,000 rows, and a link to the rest', async () => {
    const run_id = crypto.randomUUID();
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO run_evaluation SELECT printf('018f4d3d-%04x-7000-8000-000000000000', i), ?, ?, NULL, NULL, ?, i, NULL, NULL, '2026-01-01T00:00:00.000Z', NULL, NULL, lower(hex(randomblob(16))) FROM n`,
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
