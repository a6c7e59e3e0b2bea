/**
 * Tests If-Match: the Worker stores an update only if the header matches the row's current version.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable, NOT_FOUND } from './support/answers.ts';
import { makeStaleRefusal, put, readCurrentTag, readTag, sendPut } from './support/conditional.ts';
import { countCalls, makeFlakyD1 } from './support/d1.ts';
import { edge, LOST, makeUpdate, NOW, readValues } from './support/edge.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  type Row,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

describe('the entity tag', () => {
  it('gives a strong tag that changes with every stored change and with nothing else', async () => {
    const row = await storeEvaluation();
    const tags = [];
    for (const value of [1, 2, 1, 1, 2]) tags.push(readTag(await sendPut(row, value)));

    expect(tags.every((tag) => /^"[\x21\x23-\x7e]+"$/.test(tag))).toBe(true);
    expect(tags[3]).toBe(tags[2]);
    expect(new Set(tags).size).toBe(4);
  });

  it('gives another tag if a console changes the row', async () => {
    const row = await storeEvaluation();
    const before = await readCurrentTag(row);

    await DB.prepare('UPDATE run_evaluation SET value = 7 WHERE id = ?').bind(row.id).run();

    expect((await sendPut(row, 8, { ifMatch: before })).status).toBe(412);
  });
});

describe('If-Match', () => {
  it.each<[string, (tag: string) => string]>([
    ['the tag', (tag) => tag],
    ['the tag among several', (tag) => `"a", ${tag} ,"b"`],
    ['the tag among empty elements', (tag) => `,, ${tag},`],
    ['the tag beside weak ones', (tag) => `W/"a", ${tag}`],
    ['*', () => '*'],
  ])('accepts an update if If-Match has %s, in one call to D1', async (_, ifMatch) => {
    const row = await storeEvaluation();
    const tag = await readCurrentTag(row);
    const { db, calls } = countCalls(DB);

    const response = await sendPut(row, 9, {
      ifMatch: ifMatch(tag),
      send: createWorker({ DB: db }),
    });

    expect(response.status).toBe(200);
    expect(readTag(response)).not.toBe(tag);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
    expect(calls).toEqual(['batch']);
  });

  it.each<[string, (tag: string) => string]>([
    ['another tag', () => '"another"'],
    ['an empty tag', () => '""'],
    ['several other tags', () => '"a","b"'],
    ['the tag made weak', (tag) => `W/${tag}`],
    ['the tag inside another', (tag) => tag.replace(/"$/, '0"')],
    ['a quoted *', () => '"*"'],
    ['no tag at all', () => ','],
    ['SQL', () => `"')OR/**/1=1--"`],
    ['a tag with a comma inside', (tag) => tag.replace(/^"/, '"x,')],
  ])('refuses an update if If-Match has %s, and returns the present tag', async (_, ifMatch) => {
    const row = await storeEvaluation();
    const tag = await readCurrentTag(row);

    await expectRefusedUpdate(row, await put(row, 9, ifMatch(tag)), makeStaleRefusal(tag));
  });

  it.each(['abc', '"abc', 'abc"', '"a" "b"', 'w/"a"', '*, "a"', "'a'"])(
    'refuses a malformed If-Match with 400, and does not ignore it: %s',
    async (ifMatch) => {
      const row = await storeEvaluation();

      await expectRefusedUpdate(row, await put(row, 9, ifMatch), {
        status: 400,
        error:
          'If-Match must be * or a list of entity tags in double quotes, as they came in ETag.',
      });
    },
  );

  it('accepts an update with the tag that came with a 412, also of a row that was never updated', async () => {
    const row = await storeEvaluation();
    const refused = await sendPut(row, 9, { ifMatch: '"x"' });

    expect(refused.status).toBe(412);
    expect((await sendPut(row, 9, { ifMatch: readTag(refused) })).status).toBe(200);
  });

  it('compares If-Match after it has found the row, and before it applies the label', async () => {
    const row = await storeLabelled({ value_type: 'binary' });
    const tag = await readCurrentTag(row);

    await expectRefusal(
      await sendPut({ ...row, id: crypto.randomUUID() }, 1, { ifMatch: '*' }),
      NOT_FOUND,
    );
    await expectRefusedUpdate(row, await put(row, 7, '"x"'), makeStaleRefusal(tag));
    await expectRefusedUpdate(
      row,
      await put(row, 7, tag),
      makeUnprocessable('value must be 0 or 1.'),
    );
  });

  it('answers If-Match on a row of another account with 404 and no tag', async () => {
    const row = await storeEvaluation({ account_id: 'acc_neighbour' });

    await expectRefusal(await sendPut(row, 1, { ifMatch: '"x"' }), NOT_FOUND);
  });

  it('refuses an old tag with 412, also for the value and the author that are stored', async () => {
    const row = await storeEvaluation({ value: 1 });
    const ifMatch = `"${row.created_at}"`;
    expect(
      (await edge()(await makeUpdate(row, 2, { headers: { 'if-match': ifMatch } }))).status,
    ).toBe(200);

    await expectRefusedUpdate(
      row,
      await makeUpdate(row, 2, { headers: { 'if-match': ifMatch } }),
      {
        status: 412,
        error:
          'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
        headers: { etag: `"${NOW.toISOString()}"`, 'cache-control': 'no-store, no-transform' },
      },
      edge(),
    );
  });

  it('lets six clients of one subject count without losing a step', async () => {
    const row = await storeEvaluation({ value: 0 });
    const increment = async () => {
      const got = await worker(
        await request(buildPath(row), { method: 'GET', headers: { 'content-type': null } }),
      );
      const { value } = await got.json<Row>();
      const headers = { 'if-match': got.headers.get('etag') ?? '' };
      return (
        await worker(
          await request(buildPath(row), { body: JSON.stringify({ value: value + 1 }), headers }),
        )
      ).status;
    };
    const client = async () => {
      const statuses: number[] = [];
      for (let n = 0; n < 8; n += 1) statuses.push(await increment());
      return statuses;
    };

    const statuses = (await Promise.all(Array.from({ length: 6 }, client))).flat();

    const accepted = statuses.filter((status) => status === 200).length;
    expect(statuses.filter((status) => status !== 412)).toHaveLength(accepted);
    expect(await readEvaluation(row.id)).toMatchObject({ value: accepted });
    expect(await readHistory(row.id)).toHaveLength(accepted);
  });

  it('stores an update with the present tag as a new write, also of the value and the author that are stored', async () => {
    const row = await storeEvaluation({ value: 1 });
    const first = await edge()(await makeUpdate(row, 2));
    const headers = { 'if-match': first.headers.get('etag') ?? '' };

    const second = await edge()(await makeUpdate(row, 2, { headers }));

    expect(second.status).toBe(200);
    expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'));
    expect((await edge()(await makeUpdate(row, 2, { headers }))).status).toBe(412);
  });

  it('accepts the retry of a conditional update whose response was lost', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { db, calls } = makeFlakyD1(DB, LOST, 'is lost', 'succeeds');

    const response = await edge(
      0,
      db,
    )(await makeUpdate(row, 2, { headers: { 'if-match': `"${row.created_at}"` } }));

    expect(response.status).toBe(200);
    expect(calls).toEqual(['batch', 'batch']);
    expect(await readValues(row)).toEqual([1, 2]);
  });
});

describe('If-None-Match on an update', () => {
  it.each(['*', '"a"'])(
    'refuses If-None-Match on an update with 400, and does not ignore it: %s',
    async (ifNoneMatch) => {
      const row = await storeEvaluation();
      const sent = await request(buildPath(row), {
        body: '{"value":9}',
        headers: { 'if-none-match': ifNoneMatch },
      });

      await expectRefusedUpdate(row, sent, {
        status: 400,
        error: 'This operation takes If-Match, not If-None-Match.',
      });
    },
  );
});
