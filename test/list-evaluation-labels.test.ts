/**
 * Tests listEvaluationLabels, which merges the account's own labels with the shared labels. No page
 * skips or repeats a label, or reads many more rows than it returns.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { listEvaluationLabels } from '../src/label/sql.generated.ts';
import { BAD_CURSOR, BAD_LABEL_LIMIT, NOT_FOUND } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import { CURSORS, LIMITS, readPages } from './support/pages.ts';
import {
  createWorker,
  DB,
  expectRefusal,
  formatLabel,
  get,
  type Label,
  makeAccount,
  mintToken,
  storeLabel,
  worker,
} from './support/worker.ts';

const PATH = '/v1/evaluation-labels';

let account_id: string;
beforeEach(async () => {
  account_id = makeAccount();
  await DB.exec(`DELETE FROM evaluation_label WHERE account_id = 'shared'`);
});

const authorize = async (said: Record<string, unknown> = {}) => ({
  authorization: `Bearer ${await mintToken({ account_id, ...said })}`,
});
const store = (fields: Partial<Label>) => storeLabel({ account_id, ...fields });
const day = (n: number) => `2026-01-0${n}T00:00:00.000Z`;

const storeManyLabels = (owner: string, count: number) =>
  DB.prepare(
    `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
    INSERT INTO evaluation_label (id, account_id, name, value_type, created_at)
    SELECT lower(printf('%s-%04x-7000-8000-000000000000', hex(randomblob(4)), i)), ?1, printf('%04d', i), 'binary',
      printf('2026-01-01T00:00:%02d.%03dZ', i / 1000, i % 1000) FROM n`,
  )
    .bind(owner, count)
    .run();

describe('listEvaluationLabels', () => {
  it('answers with a bare array of the account\u2019s own and the shared labels, even archived ones, oldest first, in one call to D1', async () => {
    const own = await store({
      created_at: day(3),
      value_type: 'ordinal',
      categories: '["bad","good"]',
    });
    const everything = {
      description: 'how it sounds',
      min_value: 1,
      max_value: 2,
      updated_by: 'a',
      updated_at: day(3),
    };
    const shared = await store({
      account_id: 'shared',
      created_at: day(1),
      archived_at: day(4),
      ...everything,
    });
    const archived = await store({ created_at: day(2), archived_at: day(3), ...everything });
    await storeLabel({ account_id: 'acc_neighbour' });
    const { db, calls } = countCalls(DB);

    const response = await createWorker({ DB: db })(await get(PATH, await authorize()));

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual([shared, archived, own].map(formatLabel));
    expect(response.headers.has('link')).toBe(false);
    expect(calls).toEqual(['batch']);
  });

  it('answers [] if there is no label', async () => {
    expect(await (await worker(await get(PATH, await authorize()))).text()).toBe('[]');
  });

  it('lists each shared label once for the account shared, and each id once for everyone: the own label hides a shared one', async () => {
    const own = await store({ created_at: day(1) });
    const hidden = await store({ id: own.id, account_id: 'shared', created_at: day(2) });
    const list = async (said: Record<string, unknown>) =>
      (await worker(await get(PATH, await authorize(said)))).json();

    expect(await list({})).toEqual([formatLabel(own)]);
    expect(await list({ account_id: 'shared' })).toEqual([formatLabel(hidden)]);
    expect(await list({ account_id: 'acc_without_labels' })).toEqual([formatLabel(hidden)]);
  });

  it.each([1, 2, 3, 7, 8])(
    'returns every label once and in order in pages of %d, also labels of the same millisecond',
    async (limit) => {
      const owners = [account_id, 'shared', account_id, 'shared', 'shared', account_id, account_id];
      const stored = await Promise.all(
        owners.map((owner, n) =>
          store({ account_id: owner, created_at: day(1 + Math.floor(n / 3)) }),
        ),
      );

      const pages = await readPages<Label>(`${PATH}?limit=${limit}`, await authorize());

      const order = stored.map(({ created_at, id }) => `${created_at} ${id}`).sort();
      expect(pages.flat().map(({ created_at, id }) => `${created_at} ${id}`)).toEqual(order);
      expect(pages).toHaveLength(Math.ceil(7 / limit));
    },
  );

  it('returns at most 100 labels, and a link to the rest', async () => {
    await storeManyLabels(account_id, 101);

    const pages = await readPages<Label>(PATH, await authorize());

    expect(pages.map((page) => page.length)).toEqual([100, 1]);
    expect(pages.flat().map(({ name }) => Number(name))).toEqual(
      Array.from({ length: 101 }, (_, i) => i),
    );
  });

  it('does not skip what is created between two pages', async () => {
    for (const n of [1, 2]) await store({ created_at: day(n) });
    const page = await worker(await get(`${PATH}?limit=1`, await authorize()));
    const next = /<(.+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? '';
    const late = await store({ account_id: 'shared', created_at: day(3) });

    expect((await readPages(next, await authorize())).flat()).toContainEqual(formatLabel(late));
  });

  it('reads at most two rows more than a page of ten, from thousands of own and shared labels', async () => {
    for (const owner of [account_id, 'shared', 'acc_neighbour']) await storeManyLabels(owner, 1500);
    const plan = await DB.prepare(`EXPLAIN QUERY PLAN ${listEvaluationLabels.sql}`)
      .bind(...listEvaluationLabels.params.map((name) => (name === 'limit' ? 11 : '')))
      .all<{ detail: string }>();
    const { meta, results } = await DB.prepare(listEvaluationLabels.sql)
      .bind(
        ...listEvaluationLabels.params.map(
          (name) =>
            ({
              account: account_id,
              after_created_at: '2026-01-01T00:00:00.700Z',
              after_id: '',
              limit: 11,
            })[name],
        ),
      )
      .all();
    const steps = plan.results.map(({ detail }) => detail);

    const search =
      'SEARCH l USING INDEX evaluation_label_by_age (account_id=? AND (created_at,id)>(?,?))';
    expect(steps.filter((detail) => detail.startsWith('SEARCH l '))).toEqual([search, search]);
    // The plan may scan only the merged labels, up to the page's limit.
    expect(steps.filter((detail) => /SCAN (?!\(subquery)|TEMP B-TREE/.test(detail))).toEqual([]);
    expect(results).toHaveLength(11);
    expect(meta.rows_read).toBeLessThanOrEqual(12);
  });

  it('lets a token for one run list labels, and answers 404 to a token for one evaluation', async () => {
    const label = await store({});

    const ofRun = await authorize({ run_id: crypto.randomUUID() });
    expect(await (await worker(await get(PATH, ofRun))).json()).toEqual([formatLabel(label)]);
    const ofEvaluation = await authorize({ evaluation_id: crypto.randomUUID() });
    await expectRefusal(await worker(await get(PATH, ofEvaluation)), NOT_FOUND);
  });

  it.each([...LIMITS, '101', '1000'])('refuses the limit "%s"', async (limit) => {
    await expectRefusal(await worker(await get(`${PATH}?limit=${limit}`)), BAD_LABEL_LIMIT);
  });

  it.each(CURSORS)('refuses the cursor "%s"', async (cursor) => {
    await expectRefusal(
      await worker(await get(`${PATH}?cursor=${encodeURIComponent(cursor)}`)),
      BAD_CURSOR,
    );
  });
});
