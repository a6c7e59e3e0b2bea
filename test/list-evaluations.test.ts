/** Tests listEvaluations. No page skips or repeats an evaluation. */
import { describe, expect, it } from 'vitest';
import { BAD_CURSOR, BAD_LIMIT } from './support/answers.ts';
import { countCalls, countRows } from './support/d1.ts';
import { CURSORS, LIMITS, readPages } from './support/pages.ts';
import {
  ACCOUNT,
  createWorker,
  DB,
  expectRefusal,
  get,
  type Row,
  storeEvaluation,
  storeLabel,
  worker,
} from './support/worker.ts';

describe('listEvaluations', () => {
  it('answers with a bare array of the run\u2019s evaluations, oldest first, in one call to D1', async () => {
    const run_id = crypto.randomUUID();
    const times = [
      '2026-01-03T00:00:00.000Z',
      '2026-01-01T00:00:00.000Z',
      '2026-01-02T00:00:00.000Z',
    ];
    const rows = await Promise.all(
      times.map((created_at) => storeEvaluation({ run_id, created_at })),
    );
    await storeEvaluation();
    const { db, calls } = countCalls(DB);

    const response = await createWorker({ DB: db })(await get(`/v1/run/${run_id}/evaluations`));

    const withoutTime = ([1, 2, 0] as const)
      .map((n) => rows[n])
      .map(({ updated_at: _, ...row } = {} as Row) => row);
    expect(await response.json()).toEqual(withoutTime);
    expect(response.headers.has('link')).toBe(false);
    expect(calls).toEqual(['batch']);
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

      const pages = await readPages<Row>(`/v1/run/${run_id}/evaluations?limit=${limit}`);

      const order = rows.map(({ created_at, id }) => `${created_at} ${id}`).sort();
      expect(pages.flat().map(({ created_at, id }) => `${created_at} ${id}`)).toEqual(order);
      expect(pages).toHaveLength(Math.ceil(7 / limit));
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    },
  );

  it('returns at most 1,000 rows, and a link to the rest', async () => {
    const run_id = crypto.randomUUID();
    await DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO run_evaluation SELECT printf('018f4d3d-%04x-7000-8000-000000000000', i), ?, ?, NULL, NULL, ?, i, NULL, NULL, '2026-01-01T00:00:00.000Z', NULL, NULL, lower(hex(randomblob(16))) FROM n`,
    )
      .bind(ACCOUNT, run_id, crypto.randomUUID())
      .run();

    const pages = await readPages<Row>(`/v1/run/${run_id}/evaluations`);

    expect(pages.map((page) => page.length)).toEqual([1000, 1]);
    expect(pages.flat().map(({ value }) => value)).toEqual(
      Array.from({ length: 1001 }, (_, i) => i),
    );
  });

  it('does not skip what is created between two pages', async () => {
    const run_id = crypto.randomUUID();
    for (const day of [1, 2])
      await storeEvaluation({ run_id, created_at: `2026-01-0${day}T00:00:00.000Z` });
    const page = await worker(await get(`/v1/run/${run_id}/evaluations?limit=1`));
    const next = /<(.+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? '';
    const late = await storeEvaluation({ run_id, created_at: '2026-01-03T00:00:00.000Z' });

    expect((await readPages<Row>(next)).flat()).toContainEqual(
      expect.objectContaining({ id: late.id }),
    );
  });

  it('lists only the evaluations of the label in the query, on every page, with the id in either case', async () => {
    const run_id = crypto.randomUUID();
    const evaluation_label_id = crypto.randomUUID();
    const days = [1, 2, 3, 4, 5];
    const rows = await Promise.all(
      days.map((day) =>
        storeEvaluation({
          run_id,
          evaluation_label_id,
          created_at: `2026-01-0${day}T00:00:00.000Z`,
        }),
      ),
    );
    for (const day of days)
      await storeEvaluation({ run_id, created_at: `2026-01-0${day}T00:00:00.000Z` });
    await storeEvaluation({ evaluation_label_id });
    await storeEvaluation({ run_id, evaluation_label_id, account_id: 'acc_neighbour' });
    const path = `/v1/run/${run_id}/evaluations?evaluation_label_id=${evaluation_label_id.toUpperCase()}`;
    const { db, calls } = countCalls(DB);

    const whole = await (await createWorker({ DB: db })(await get(path))).json<Row[]>();
    const pages = await readPages<Row>(`${path}&limit=2`);

    expect(whole.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual(
      [[0, 1], [2, 3], [4]].map((page) => page.map((n) => rows[n]?.id)),
    );
    expect(calls).toEqual(['batch']);
  });

  it('reads at most 1,000 rows for a label: the page may be empty, and Link leads on', async () => {
    const run_id = crypto.randomUUID();
    const row = await storeEvaluation({ run_id, created_at: '2026-01-02T00:00:00.000Z' });
    // A request searches at most 999 rows, so `row` is the last row that the second request
    // searches.
    await fillRun(run_id, '2026-01-01T00:00:00.000Z', 2 * 999 - 1);
    await fillRun(run_id, '2026-01-03T00:00:00.000Z', 3001);
    const { db, rows } = countRows(DB);
    const path = `/v1/run/${run_id}/evaluations?evaluation_label_id=${row.evaluation_label_id}&limit=1`;

    const pages = await readPages<Row>(path, {}, createWorker({ DB: db }));

    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([[], [row.id], [], [], [], []]);
    expect(rows).toHaveLength(6);
    expect(Math.max(...rows.map(({ read }) => read))).toBeLessThanOrEqual(1000);
  });

  it('answers [] for a label without evaluations in the run, whichever account has the label', async () => {
    const { run_id } = await storeEvaluation();
    const { id } = await storeLabel({ account_id: 'acc_neighbour' });

    for (const label of [id, crypto.randomUUID()]) {
      const response = await worker(
        await get(`/v1/run/${run_id}/evaluations?evaluation_label_id=${label}`),
      );
      expect(await response.json()).toEqual([]);
    }
  });

  it.each([
    '',
    'tone',
    '*',
    'null',
    '018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01%00',
    '018f4d3c7a107c4e9b523f6e0d9a1c01',
  ])('refuses the label "%s"', async (label) => {
    const path = `/v1/run/${crypto.randomUUID()}/evaluations?evaluation_label_id=${label}`;
    await expectRefusal(await worker(await get(path)), {
      status: 400,
      error: 'evaluation_label_id must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
    });
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

const fillRun = (run_id: string, from: string, count: number) =>
  DB.prepare(
    `INSERT INTO run_evaluation (id, account_id, run_id, evaluation_label_id, value, created_at)
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
     SELECT substr(?2, 1, 24) || printf('%012x', n), ?3, ?4, ?2, 5,
       strftime('%Y-%m-%dT%H:%M:%fZ', ?5, n || ' seconds') FROM n`,
  )
    .bind(count, crypto.randomUUID(), ACCOUNT, run_id, from)
    .run();
