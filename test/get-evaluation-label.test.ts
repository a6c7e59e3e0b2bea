/** Tests getEvaluationLabel, with entity tags and If-None-Match. */
import { describe, expect, it } from 'vitest';
import { NOT_FOUND } from './support/answers.ts';
import { countCalls } from './support/d1.ts';
import {
  buildLabelPath,
  createWorker,
  DB,
  expectRefusal,
  formatLabel,
  get,
  mintToken,
  request,
  storeLabel,
  worker,
} from './support/worker.ts';

const FOREIGN = 'acc_neighbour';
const CATEGORIES = { value_type: 'categorical', categories: '["formal","casual"]' };

describe('getEvaluationLabel', () => {
  it.each<[string, Parameters<typeof storeLabel>[0]]>([
    ['an own label', CATEGORIES],
    ['a shared label', { account_id: 'shared', min_value: 1 }],
    [
      'an archived label',
      {
        archived_at: '2026-02-01T00:00:00.000Z',
        updated_by: 'user-8',
        updated_at: '2026-02-01T00:00:00.000Z',
      },
    ],
  ])(
    'answers 200 with %s, without updated_at until the first update, in one call to D1',
    async (_, fields) => {
      const label = await storeLabel(fields);
      const { db, calls } = countCalls(DB);

      const response = await createWorker({ DB: db })(await get(buildLabelPath(label)));

      expect(response.status).toBe(200);
      expect(await response.json()).toEqual(formatLabel(label));
      expect(response.headers.get('etag')).toBe(`"${label.updated_at ?? label.created_at}"`);
      expect(calls).toEqual(['batch']);
    },
  );

  it('reads the account\u2019s own label if a shared label has the same id', async () => {
    const own = await storeLabel(CATEGORIES);
    const shared = await storeLabel({ id: own.id, account_id: 'shared', name: 'everyone\u2019s' });

    expect(await (await worker(await get(buildLabelPath(own)))).json()).toEqual(formatLabel(own));
    const authorization = `Bearer ${await mintToken({ account_id: FOREIGN })}`;
    expect(await (await worker(await get(buildLabelPath(own), { authorization }))).json()).toEqual(
      formatLabel(shared),
    );
  });

  it('accepts the id of a label in upper case', async () => {
    const label = await storeLabel();

    expect((await worker(await get(buildLabelPath({ id: label.id.toUpperCase() })))).status).toBe(
      200,
    );
  });

  it('answers 304 without a body if the caller has the label already', async () => {
    const label = await storeLabel();
    const tag = `"${label.created_at}"`;

    for (const ifNoneMatch of [tag, `W/${tag}`, '*']) {
      const response = await worker(
        await get(buildLabelPath(label), { 'if-none-match': ifNoneMatch }),
      );
      expect(response.status).toBe(304);
      expect(response.headers.get('etag')).toBe(tag);
      expect(await response.text()).toBe('');
    }
    expect(
      (await worker(await get(buildLabelPath(label), { 'if-none-match': '"other"' }))).status,
    ).toBe(200);
  });

  it('answers with the same bytes for a missing label and another account\u2019s label, even with If-None-Match', async () => {
    const { id } = await storeLabel({ account_id: FOREIGN });
    const readBytes = async (path: string, headers = {}) => {
      const response = await worker(
        await get(path, { 'x-request-id': 'same-for-all', ...headers }),
      );
      return [response.status, [...response.headers], await response.text()];
    };

    const missing = await readBytes(buildLabelPath({ id: crypto.randomUUID() }));
    expect(await readBytes(buildLabelPath({ id }))).toEqual(missing);
    expect(await readBytes(buildLabelPath({ id }), { 'if-none-match': '*' })).toEqual(missing);
    await expectRefusal(await worker(await get(buildLabelPath({ id }))), NOT_FOUND);
  });

  it('lets a token for one run read a label, and not a token for one evaluation', async () => {
    const label = await storeLabel();
    const ask = async (restriction: object) => {
      const authorization = `Bearer ${await mintToken({ ...restriction })}`;
      return worker(await get(buildLabelPath(label), { authorization }));
    };

    expect((await ask({ run_id: crypto.randomUUID() })).status).toBe(200);
    await expectRefusal(await ask({ evaluation_id: crypto.randomUUID() }), NOT_FOUND);
  });

  it('answers HEAD on a label with the headers alone', async () => {
    const label = await storeLabel();

    const response = await worker(await request(buildLabelPath(label), { method: 'HEAD' }));

    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe(`"${label.created_at}"`);
    expect(await response.text()).toBe('');
  });
});
