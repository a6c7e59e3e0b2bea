/**
 * Tests D1 sessions and bookmarks: which requests may read from a replica, and which use the
 * primary database.
 */
import { describe, expect, it } from 'vitest';
import { makeFlakyD1, watchSessions } from './support/d1.ts';
import { answer, createLinkTo, open, post } from './support/links.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  buildPath,
  createWorker,
  DB,
  get,
  putValue,
  type Send,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const WITHOUT_TOKEN = { authorization: null };

function watchWorker(): { send: Send; starts: unknown[] } {
  const { db, starts } = watchSessions(DB);
  return { send: createWorker({ DB: db }), starts };
}

describe('the bookmark', () => {
  it('returns a bookmark with every response from the database, and a read with it sees the write', async () => {
    const row = await storeEvaluation();
    const { send, starts } = watchWorker();

    const written = (await send(await putValue(row, 9))).headers.get('x-d1-bookmark') ?? '';
    const read = await send(await get(buildPath(row), { 'x-d1-bookmark': written }));

    expect(written).toMatch(/^(?:DB_\d:)?[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/);
    expect(await read.json()).toMatchObject({ value: 9 });
    expect(read.headers.get('x-d1-bookmark')).toMatch(/^(?:DB_\d:)?[0-9a-f-]{59}$/);
    expect(starts).toEqual(['first-primary', written.replace(/^DB_\d:/, '')]);
  });

  it.each(OPERATIONS)(
    'returns a bookmark with the success of $name, whose session starts at the primary if it writes',
    async ({ access, requestFor }) => {
      const row = await storeEvaluation();
      const { send, starts } = watchWorker();

      const response = await send(await requestFor(row, {}));

      expect(response.headers.get('x-d1-bookmark')).toMatch(/^(?:DB_\d:)?[0-9a-f-]{59}$/);
      expect(starts).toEqual([access === 'write' ? 'first-primary' : 'first-unconstrained']);
    },
  );

  it('reads through a link from the primary, where a revoked link opens nothing', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const { send, starts } = watchWorker();

    for (const sent of [open(url), post(url, { value: 9 }), answer(url, row.created_at, '8')])
      expect((await send(sent)).headers.get('x-d1-bookmark')).toMatch(/[0-9a-f-]{59}$/);
    expect(starts).toEqual(['first-primary', 'first-primary', 'first-primary']);
  });

  it('never returns the caller\u2019s bookmark: without a response from the database there is none', async () => {
    const row = await storeEvaluation();
    const sent = { 'x-d1-bookmark': '00000000-00000001-00000000-00000000000000000000000000000000' };
    const down = createWorker({ DB: makeFlakyD1(DB, 'D1 DB is overloaded.', 'fails').db });

    const malformed = await worker(await get(`/v1/run/${row.run_id}/evaluations?limit=0`, sent));
    const unavailable = await down(await get(buildPath(row), sent));

    expect([malformed.status, unavailable.status]).toEqual([400, 503]);
    for (const answer of [malformed, unavailable])
      expect(answer.headers.has('x-d1-bookmark')).toBe(false);
  });

  it('reads without a bookmark from the nearest replica, and writes always to the primary', async () => {
    const row = await storeEvaluation();
    const { send, starts } = watchWorker();
    const bookmark = '00000000-00000001-00000000-00000000000000000000000000000000';

    await send(await get(buildPath(row)));
    await send(await get(`${buildPath(row)}/history`));
    await send(await get(`/v1/run/${row.run_id}/evaluations`));
    const sent = await putValue(row, 9);
    sent.headers.set('x-d1-bookmark', bookmark);
    await send(sent);

    const nearest = 'first-unconstrained';
    expect(starts).toEqual([nearest, nearest, nearest, 'first-primary']);
  });

  it.each([
    'garbage',
    'first-primary',
    '',
    '00000000-00000001-00000000',
    `${'0'.repeat(8)}-${'0'.repeat(8)}-${'0'.repeat(8)}-${'A'.repeat(32)}`,
    `${'0'.repeat(8)}-${'0'.repeat(8)}-${'0'.repeat(8)}-${'0'.repeat(33)}`,
    `${'0'.repeat(8)}-zzzzzzzz-${'0'.repeat(8)}-${'0'.repeat(32)}`,
  ])('ignores a malformed bookmark: %s', async (bookmark) => {
    const row = await storeEvaluation();
    const { send, starts } = watchWorker();

    const response = await send(await get(buildPath(row), { 'x-d1-bookmark': bookmark }));

    expect(response.status).toBe(200);
    expect(response.headers.get('x-d1-bookmark')).not.toBe(bookmark);
    expect(starts).toEqual(['first-unconstrained']);
  });

  it('returns a bookmark with a 412, so that the caller can read the row that refused it', async () => {
    const row = await storeEvaluation();
    const sent = await putValue(row, 9);
    sent.headers.set('if-match', '"x"');

    expect((await worker(sent)).headers.get('x-d1-bookmark')).toMatch(/^(?:DB_\d:)?[0-9a-f-]{59}$/);
  });

  it('returns no bookmark if the Worker did not call the database', async () => {
    const row = await storeEvaluation();

    expect(
      (await worker(await get(buildPath(row), WITHOUT_TOKEN))).headers.has('x-d1-bookmark'),
    ).toBe(false);
  });
});
