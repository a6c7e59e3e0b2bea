/** Tests how a link recognises a repeated delivery: the same event, posted again. */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { createLinkTo, post } from './support/links.ts';
import {
  buildPath,
  expectRefusedUpdate,
  putValue,
  readEvaluation,
  readHistory,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const HEADERS = [
  'idempotency-key',
  'webhook-id',
  'svix-id',
  'x-github-delivery',
  'x-gitlab-event-uuid',
  'ce-id',
  'x-amz-sns-message-id',
  'linear-delivery',
  'x-shopify-webhook-id',
  'upstash-message-id',
  'x-atlassian-webhook-identifier',
  'x-contentful-idempotency-key',
  'x-pandadoc-webhook-event-id',
  'i-twilio-idempotency-token',
];

type Sent = { readonly body: object; readonly headers?: Record<string, string> };

/** Returns true if the Worker stores `second` after `first` and another caller's correction. */
async function isStoredAfterCorrection(link: object, first: Sent, second: Sent): Promise<boolean> {
  const row = await storeEvaluation({ value: 1 });
  const { url } = await createLinkTo(row, link);
  expect((await worker(post(url, first.body, first.headers))).status).toBe(200);
  expect((await worker(await putValue(row, 4))).status).toBe(200);
  expect((await worker(post(url, second.body, second.headers))).status).toBe(200);
  return (await readHistory(row.id)).length === 3;
}

describe('a header that names a delivery', () => {
  it.each(HEADERS)('does not undo a correction when a delivery is repeated: %s', async (header) => {
    const sent = { body: { value: 9 }, headers: { [header]: 'd-1' } };
    const next = { body: { value: 9 }, headers: { [header]: 'd-2' } };

    expect(await isStoredAfterCorrection({}, sent, sent)).toBe(false);
    expect(await isStoredAfterCorrection({}, sent, next)).toBe(true);
  });

  it.each(HEADERS)(
    'refuses a header that cannot name a delivery, and does not ignore it: %s',
    async (header) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row);

      for (const key of ['', 'a b', 'k'.repeat(256)])
        await expectRefusedUpdate(row, post(url, { value: 9 }, { [header]: key }), {
          status: 400,
          error: `The header ${header} must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.`,
        });
    },
  );

  it('uses a header that names a delivery only if no earlier header was sent', async () => {
    const [first = '', ...others] = HEADERS;
    const makeSentWith = (renewed: string) => ({
      body: { value: 9 },
      headers: { [first]: 'same', ...Object.fromEntries(others.map((name) => [name, renewed])) },
    });

    expect(await isStoredAfterCorrection({}, makeSentWith('a'), makeSentWith('b'))).toBe(false);
  });

  it('tells two deliveries apart that two headers name with the same text', async () => {
    const makeSentBy = (header: string) => ({ body: { value: 9 }, headers: { [header]: '1' } });

    expect(
      await isStoredAfterCorrection(
        {},
        makeSentBy('x-github-delivery'),
        makeSentBy('linear-delivery'),
      ),
    ).toBe(true);
  });

  it('names a CloudEvent by its id together with its source', async () => {
    const makeSentFrom = (source: string) => ({
      body: { value: 9 },
      headers: { 'ce-id': '1', 'ce-source': source },
    });

    expect(await isStoredAfterCorrection({}, makeSentFrom('/a'), makeSentFrom('/a'))).toBe(false);
    expect(await isStoredAfterCorrection({}, makeSentFrom('/a'), makeSentFrom('/b'))).toBe(true);
  });

  it('ignores the name of a delivery in a request with a token, unless it is in one of the first three headers', async () => {
    const row = await storeEvaluation({ value: 1 });
    const put = async (value: number) =>
      worker(
        await request(buildPath(row), {
          body: JSON.stringify({ value }),
          headers: { 'x-github-delivery': 'same' },
        }),
      );

    expect([(await put(2)).status, (await put(3)).status]).toEqual([200, 200]);
  });

  it.each(['x-gitlab-webhook-uuid', 'box-delivery-id', 'x-hook-uuid', 'x-request-id'])(
    'ignores a header that a retry renews or that names the webhook: %s',
    async (header) => {
      const sent = { body: { value: 9 }, headers: { [header]: 'd-1' } };

      expect(await isStoredAfterCorrection({}, sent, sent)).toBe(true);
    },
  );
});

describe('a delivery that the body names', () => {
  const link = { delivery: '/id' };

  it.each<[string, unknown, unknown, boolean]>([
    ['the same text', 'evt_1', 'evt_1', false],
    ['another text', 'evt_1', 'evt_2', true],
    ['the same number', 17, 17, false],
    ['another number', 17, 18, true],
    ['the text of the number', 17, '17', true],
    ['a long text', 'é'.repeat(5000), 'é'.repeat(5000), false],
  ])(
    'recognises a repeated delivery by the name in its body: %s',
    async (_, first, second, isStored) => {
      const sent = (id: unknown) => ({ body: { id, value: 9 } });

      expect(await isStoredAfterCorrection(link, sent(first), sent(second))).toBe(isStored);
    },
  );

  it('returns the pointer to the delivery\u2019s name to the creator of the link', async () => {
    const row = await storeEvaluation();

    expect(await createLinkTo(row, link)).toMatchObject(link);
    expect(await createLinkTo(row)).not.toHaveProperty('delivery');
  });

  it('names a delivery by the body alone, because a sender such as Argilla renews its header', async () => {
    const sent = (id: string, key: string) => ({
      body: { id, value: 9 },
      headers: { 'webhook-id': key, 'idempotency-key': 'not a key' },
    });

    expect(await isStoredAfterCorrection(link, sent('a', 'k-1'), sent('a', 'k-2'))).toBe(false);
    expect(await isStoredAfterCorrection(link, sent('a', 'k-1'), sent('b', 'k-1'))).toBe(true);
  });

  it('tells two deliveries apart that a body and a header name with the same text', async () => {
    const row = await storeEvaluation({ value: 1 });
    const [inBody, inHeader] = [await createLinkTo(row, link), await createLinkTo(row)];
    await worker(post(inBody.url, { id: '1', value: 8 }));

    for (const header of HEADERS)
      expect((await worker(post(inHeader.url, { value: 9 }, { [header]: '1' }))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it.each([
    ['{"value":9}', 'nothing'],
    ['{"value":9,"id":null}', 'null'],
    ['{"value":9,"id":""}', 'the text ""'],
    ['{"value":9,"id":true}', 'true'],
    ['{"value":9,"id":["a"]}', 'an array'],
    ['{"value":9,"id":9007199254740993}', 'the number 9007199254740992'],
    ['{"value":9,"id":1764298800.25}', 'the number 1764298800.25'],
    ['{"value":9,"id":1e400}', 'a number beyond a double'],
  ])('refuses a body without the name of the delivery: %s', async (body, found) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, link);

    const error = `What /id finds in the body is ${found}: it must be the text or whole number that names the delivery.`;
    await expectRefusedUpdate(row, post(url, body), makeUnprocessable(error));
  });

  it('refuses a repeated delivery with another value', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { url } = await createLinkTo(row, link);
    await worker(post(url, { id: 'a', value: 9 }));

    const response = await worker(post(url, { id: 'a', value: 8 }));

    expect(response.status).toBe(422);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it.each([
    [
      'id',
      'delivery must be a JSON Pointer (RFC 6901): empty, or /, followed by names with ~ written ~0 and / written ~1.',
    ],
    [`/${'a'.repeat(256)}`, 'delivery must be at most 256 characters long.'],
    [1, 'delivery must be a string.'],
  ])('refuses a delivery field that is no pointer: %s', async (delivery, error) => {
    const row = await storeEvaluation();
    const sent = request(`${buildPath(row)}/links`, {
      method: 'POST',
      body: JSON.stringify({ delivery }),
    });

    await expectRefusedUpdate(row, await sent, { status: 400, error });
  });
});
