/** Tests bodies of links that are not plain JSON: forms, and bodies compressed with gzip. */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { answer, createLinkTo, post, visit } from './support/links.ts';
import { expectRefusedUpdate, readEvaluation, storeEvaluation, worker } from './support/worker.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

describe('a form', () => {
  it.each([
    ['/actions/0/value', `payload=${encodeURIComponent('{"actions":[{"value":7}]}')}`],
    ['/a', 'payload=%7B%22a%22:+7%7D'],
    ['', 'payload=7'],
    ['/Body', 'ToCountry=&From=%2B15005550006&Body=7'],
    ['/Body', 'Body=7&payload=%7B%22Body%22%3A1%7D'],
    ['/payload', 'payload=7&x='],
    ['/payload/1', 'payload=1&payload=7'],
    ['/score/2', 'score=1&score=2&score=7'],
    ['/a b', 'a+b=7'],
    ['/é', '%C3%A9=7'],
    ['/data[0][score]', 'data[0][score]=7'],
    ['/__proto__', 'x=1&__proto__=7'],
    ['/value', 'value=7'],
    ['/value', ' value=7\r\n'],
  ])('reads a form as JSON of its fields: %s in %s', async (pointer, body) => {
    const row = await storeEvaluation({ value: 1 });
    const { url } = await createLinkTo(row, { pointer });

    const response = await worker(post(url, body, FORM));

    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 7 });
  });

  it('applies where, values and delivery to a form as to JSON', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { url } = await createLinkTo(row, {
      path: "$['Body']",
      values: { good: 7 },
      where: { '/To': ['+1', '+2'] },
      delivery: '/MessageSid',
    });
    const send = async (fields: Record<string, string>) =>
      (await worker(post(url, `${new URLSearchParams(fields)}`, FORM))).status;

    expect(await send({ To: '+3', Body: 'good', MessageSid: 'a' })).toBe(204);
    expect(await send({ To: '+2', Body: 'good' })).toBe(422);
    expect(await send({ To: '+2', Body: 'good', MessageSid: 'a' })).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 7 });
  });

  it.each([
    ['', 'The body must be valid JSON in UTF-8.'],
    ['payload=%7B', 'The body must be valid JSON in UTF-8.'],
    [
      'payload=hello',
      'The body must be valid JSON: hello at line 1, column 1 must be in double quotes.',
    ],
    ['{"value":', 'The body must be valid JSON in UTF-8.'],
  ])('refuses a form that cannot be read: %s', async (body, error) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    await expectRefusedUpdate(row, post(url, body, FORM), { status: 400, error });
  });

  it('accepts a form of 1,000 fields and refuses a longer one', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { pointer: '/x' });
    const form = (count: number) => `${'a=1&'.repeat(count - 1)}x=y`;

    await expectRefusedUpdate(
      row,
      post(url, form(1000), FORM),
      makeUnprocessable(
        'What /x finds in the body is the text "y": it must be a number, true or false.',
      ),
    );
    await expectRefusedUpdate(row, post(url, form(1001), FORM), {
      status: 400,
      error: 'A form must have at most 1000 fields.',
    });
  });

  it('does not take a sender\u2019s form with a version and a value for an answer on the page', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/item': '119' } });
    const send = async (item: string) =>
      (await worker(post(url, `version=2&value=7&item=${item}`, FORM))).status;

    expect([await send('120'), await send('119')]).toEqual([204, 200]);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 7 });
  });

  it('stores the answer of the page, whatever the conditions of the link are', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { pointer: '/version', where: { '/x': 1 } });

    const response = await worker(answer(url, row.created_at, '9'));

    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });
});

const packed = async (body: string | Uint8Array, format: 'gzip' | 'deflate' = 'gzip') =>
  new Uint8Array(
    await new Response(
      new Response(body).body?.pipeThrough(new CompressionStream(format)),
    ).arrayBuffer(),
  );

describe('a packed body', () => {
  const send = async (url: string, body: BodyInit, encoding = 'gzip', headers = {}) =>
    visit(url, { method: 'POST', body, headers: { 'content-encoding': encoding, ...headers } });

  it.each(['gzip', 'GZIP', 'x-gzip'])('unpacks a body: %s', async (encoding) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    expect((await worker(await send(url, await packed('{"value":9}'), encoding))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it('accepts a packed form without its length', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const stream = new Response(await packed('value=9')).body ?? '';

    expect((await worker(await send(url, stream, 'gzip', FORM))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 9 });
  });

  it('reads a packed body up to 1 MiB unpacked, and no further', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { where: { '/never': 1 } });
    const most = `{"value":9,"text":"${'x'.repeat(1024 * 1024 - 21)}"}`;
    const TOO_LARGE = { status: 413, error: 'The body must be at most 1048576 bytes.' };

    expect(most).toHaveLength(1024 * 1024);
    expect((await worker(await send(url, await packed(most)))).status).toBe(204);
    await expectRefusedUpdate(row, await send(url, await packed(`${most} `)), TOO_LARGE);
  });

  it('unpacks no more than 1 MiB, however much is packed into a body', async () => {
    const { url } = await createLinkTo(await storeEvaluation());
    const measureTimes = async (mebibytes: number) => {
      const bomb = await packed(new Uint8Array(mebibytes * 1024 * 1024));
      const times: number[] = [];
      for (let run = 0; run < 5; run += 1) {
        const started = performance.now();
        expect((await worker(await send(url, bomb))).status).toBe(413);
        times.push(performance.now() - started);
      }
      return times;
    };

    // If the Worker decompressed bodies completely, the large body would take 50 times as long.
    const [small, large] = [await measureTimes(2), await measureTimes(100)];
    expect(Math.min(...large)).toBeLessThan(20 + 10 * Math.min(...small));
  });

  it('refuses a packed body with 413 by its length, before it unpacks', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const length = { 'content-length': `${1024 * 1024 + 1}` };

    await expectRefusedUpdate(row, await send(url, 'not gzip', 'gzip', length), {
      status: 413,
      error: 'The body must be at most 1048576 bytes.',
    });
  });

  it.each<[string, (gzip: Uint8Array) => Uint8Array]>([
    ['not packed at all', () => new TextEncoder().encode('{"value":9}')],
    ['empty', () => new Uint8Array()],
    ['cut off', (gzip) => gzip.subarray(0, -4)],
    ['altered', (gzip) => gzip.with(-6, (gzip.at(-6) ?? 0) ^ 1)],
    ['followed by something else', (gzip) => new Uint8Array([...gzip, 1])],
  ])('answers 400 to a packed body that is %s', async (_, change) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    await expectRefusedUpdate(row, await send(url, change(await packed('{"value":9}'))), {
      status: 400,
      error: 'The body must be complete gzip, as its Content-Encoding says.',
    });
  });

  it.each(['br', 'deflate', 'zstd', 'gzip, gzip', 'gzip;q=1'])(
    'answers 415 to a body that is packed otherwise: %s',
    async (encoding) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row);

      await expectRefusedUpdate(
        row,
        await send(url, await packed('{"value":9}', 'deflate'), encoding),
        {
          status: 415,
          error: 'Send the body uncompressed or as gzip, without any other Content-Encoding.',
        },
      );
    },
  );
});
