/**
 * Tests the page of a link. Nothing changes when a person opens the page or a scanner fetches it.
 */
import { describe, expect, it, vi } from 'vitest';
import type { AccountId } from '../src/principal.ts';
import { LINK_NOT_FOUND } from './support/answers.ts';
import { makeFlakyD1 } from './support/d1.ts';
import { answer, BROWSER, createLinkTo, open, post, signLink, visit } from './support/links.ts';
import {
  buildPath,
  createWorker,
  DB,
  expectRefusal,
  putValue,
  type Row,
  readEvaluation,
  readHistory,
  readState,
  request,
  requirePresent,
  type Send,
  SUBJECT,
  storeEvaluation,
  storeLabel,
  storeLabelled,
  worker,
} from './support/worker.ts';

async function readPage(sent: Request, send: Send = worker) {
  const response = await send(sent);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  return { status: response.status, headers: response.headers, html: await response.text() };
}

const extractText = (html: string) =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ');

const readVersion = (html: string) =>
  requirePresent(/name="version" value="([^"]*)"/.exec(html)?.[1]);
const listButtons = (html: string) =>
  [...html.matchAll(/<button name="value" value="([^"]*)"[^>]*>(.*?)<\/button>/g)].map(
    ([, value, name]) => [value, name],
  );

const CATEGORIES = { categories: JSON.stringify(['formal', 'casual', 'friendly']) };

/** Returns the HTML inside `<main>`, or undefined if the HTML around `<main>` is unexpected. */
const findMain = (html: string) =>
  /^<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>[^<]+<\/title><style>[^<]+<\/style><\/head>\n<body><main>\n(.*)\n<\/main><\/body><\/html>\n$/s.exec(
    html,
  )?.[1];

describe('the page of a link, to the letter', () => {
  const SET_BY =
    'set by <b dir="auto">user-7</b>, <time datetime="2026-01-02T03:04:05.678Z">2 January 2026 at 03:04 UTC</time>';
  const findForm = (row: Row, content: string) =>
    `<form method="post"><input type="hidden" name="version" value="${row.updated_at ?? row.created_at}">${content}</form>`;
  const input = (attributes: string) =>
    `<div class="field"><input id="value" name="value" type="number"${attributes}><button class="send">Store</button></div>`;

  async function findFooter(row: Row, until: string) {
    const { html } = await readPage(open((await createLinkTo(row)).url));
    const inWords = /This link works until <time[^>]*>([^<]*)</.exec(html)?.[1];
    return `<footer>Your answer is stored under the name <b dir="auto">${SUBJECT}</b>. This link works until <time datetime="${until}">${inWords}</time>.<p>Run ${row.run_id}</p></footer>`;
  }

  it('the page asks for a number between bounds, and draws the earlier values', async () => {
    const stored = await storeLabelled(
      { name: 'Tone', value_type: 'continuous', min_value: 0, max_value: 100 },
      { value: 3 },
    );
    const { url, expires_at } = await createLinkTo(stored);
    const row: Row = await (await worker(await putValue(stored, 60))).json();

    const { html } = await readPage(open(url));

    const at = requirePresent(row.updated_at);
    const inWords = /<time[^>]*>([^<]*)</.exec(html)?.[1];
    expect(findMain(html)).toBe(`
<h1 dir="auto">Tone</h1>

<p><small>Output</small> <b dir="auto">summary › $.text</b></p>
<div class="now"><div><small>Now</small><strong dir="auto">60</strong></div><figure><svg viewBox="0 0 144 48" role="img" aria-label="The values so far: 3, 60"><polyline points="5,41.9 139,20.2"/><circle cx="139" cy="20.2" r="3"/></svg></figure><small>set by <b dir="auto">${SUBJECT}</b>, <time datetime="${at}">${inWords}</time></small></div>
${findForm(row, `<label for="value">Your answer, from 0 to 100</label>\n${input(' inputmode="decimal" step="any" required autocomplete="off" min="0" max="100" value=""')}`)}
${await findFooter(row, expires_at)}`);
  });

  it('the page draws equal values in the middle, and the newest of several at the right', async () => {
    const row = await storeEvaluation({ value: 5 });
    const { url } = await createLinkTo(row);
    for (const value of [5, 5])
      await worker(post(url, { value }, { 'idempotency-key': crypto.randomUUID() }));

    const { html } = await readPage(open(url));

    expect(html).toContain(
      '<polyline points="5,24 72,24 139,24"/><circle cx="139" cy="24" r="3"/>',
    );
  });

  it('the page draws values below zero over the whole height if the label has no bounds', async () => {
    const row = await storeEvaluation({ value: -3 });
    const { url } = await createLinkTo(row);
    await worker(post(url, { value: -1 }));

    const { html } = await readPage(open(url));

    expect(html).toContain('<polyline points="5,43 139,5"/><circle cx="139" cy="5" r="3"/>');
  });

  it('the page offers the categories, as a list if one is long, and tells what was refused', async () => {
    const categories = ['short', 'x'.repeat(25)];
    const row = await storeLabelled(
      {
        name: 'Tone',
        description: 'How it sounds.',
        value_type: 'categorical',
        categories: JSON.stringify(categories),
      },
      { value: 0, output_name: null, field_path: null },
    );
    const { url, expires_at } = await createLinkTo(row);

    const { status, html } = await readPage(answer(url, row.created_at, '7'));

    const buttons = `<button name="value" value="0" dir="auto" aria-current="true">short</button><button name="value" value="1" dir="auto">${categories[1]}</button>`;
    const sentence = /role="alert"[^>]*>Not stored: ([^<]*)</.exec(html)?.[1];
    expect(status).toBe(422);
    expect(html).toContain('<title>Not stored – Tone</title>');
    expect(sentence).toMatch(/^value must be .+\.$/);
    expect(findMain(html)).toBe(`
<h1 dir="auto">Tone</h1>
<p class="about" dir="auto">How it sounds.</p>

<div class="now"><div><small>Now</small><strong dir="auto">short</strong></div><small>${SET_BY}</small></div>
${findForm(row, `<fieldset class="list"><legend>Your answer</legend>${buttons}</fieldset><p class="error" id="error" role="alert" tabindex="-1" autofocus>Not stored: ${sentence}</p>`)}
${await findFooter(row, expires_at)}`);
  });

  it('the page offers short categories side by side', async () => {
    const row = await storeLabelled(
      { value_type: 'categorical', categories: JSON.stringify(['x'.repeat(24), 'b']) },
      { value: 0 },
    );

    const { html } = await readPage(open((await createLinkTo(row)).url));

    expect(html).toContain('<fieldset><legend>Your answer</legend>');
  });

  it.each([
    [{ min_value: -1 }, '-1 or more', ' step="any" required autocomplete="off" min="-1"'],
    [{ max_value: 7.5 }, '7.5 or less', ' step="any" required autocomplete="off" max="7.5"'],
    [{}, 'a number', ' step="any" required autocomplete="off"'],
  ])(
    'the page refuses a value beside the field that %o does not allow, or that is no number, and keeps it',
    async (bounds, words, attributes) => {
      const row = await storeLabelled({ value_type: 'continuous', ...bounds });

      const { html } = await readPage(
        answer((await createLinkTo(row)).url, row.created_at, 'seven'),
      );

      expect(html).toContain(
        findForm(
          row,
          `<label for="value">Your answer, ${words}</label>\n${input(`${attributes} value="seven" aria-invalid="true" aria-describedby="error" autofocus`)}<p class="error" id="error" role="alert">Not stored: value must be a number, such as 7 or 7.5.</p>`,
        ),
      );
    },
  );

  it('the page shows the stored value, and that it was changed since or meanwhile', async () => {
    const row = await storeLabelled({ name: 'Tone', value_type: 'binary' }, { value: 0 });
    const { url } = await createLinkTo(row);

    const stored = await readPage(answer(url, row.created_at, '1'));
    await worker(await putValue(row, 0));
    const since = await readPage(answer(url, row.created_at, '1'));
    const changed = await readPage(answer(url, '2026-01-01T00:00:00.000Z', '1'));

    const good =
      '<p class="notice good" role="status" tabindex="-1" autofocus>Stored: <b dir="auto">Yes</b>. Thank you. ';
    expect(stored.html).toContain('<title>Stored: Yes – Tone</title>');
    expect(findMain(stored.html)).toContain(
      `${good}You can change it below.</p>\n<h1 dir="auto">Tone</h1>`,
    );
    expect(findMain(since.html)).toContain(
      `${good}Since then it was changed: it is <b dir="auto">No</b> now.</p>`,
    );
    expect(findMain(changed.html)).toContain(
      '<p class="notice bad" role="alert" tabindex="-1" autofocus>Not stored yet: it was changed while you had the page open. It is <b dir="auto">No</b> now, and you answered <b dir="auto">Yes</b>. Answer again if that is still right.</p>',
    );
  });

  it('the page has the stored number in the field after an answer', async () => {
    const row = await storeEvaluation();

    const { html } = await readPage(answer((await createLinkTo(row)).url, row.created_at, ' 7.5 '));

    expect(html).toContain(input(' step="any" required autocomplete="off" value="7.5"'));
  });

  it('the page is short if something failed', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const down = createWorker({ DB: makeFlakyD1(DB, 'D1 DB is overloaded.', 'fails', 'fails').db });

    const [opened, answered, gone] = [
      await readPage(open(url), down),
      await readPage(answer(url, row.created_at, '7'), down),
      await readPage(open(`${url}x`)),
    ];

    const sentence =
      'Too much is going on here right now. Trying again does no harm: an answer is stored once.';
    const heading = 'Please try again in a moment';
    expect(opened.html).toContain(`<title>${heading}</title>`);
    expect(findMain(opened.html)).toBe(
      `<h1>${heading}</h1>\n<p>${sentence}</p>\n<p><a href="">Try again</a></p>`,
    );
    expect(findMain(answered.html)).toBe(
      `<h1>${heading}</h1>\n<p>${sentence}</p>\n${`<form method="post"><input type="hidden" name="version" value="${row.created_at}"><input type="hidden" name="value" value="7"><button class="send">Try again</button></form>`}`,
    );
    expect(findMain(gone.html)).toBe(
      `<h1>Please ask for another link</h1>\n<p>${LINK_NOT_FOUND.error}</p>\n`,
    );
  });
});

describe('the page of a link', () => {
  it('the page shows the question, the output, the stored value with its author, and until when the link is valid', async () => {
    const row = await storeLabelled(
      { name: 'Tone', description: 'How it sounds.', value_type: 'categorical', ...CATEGORIES },
      { value: 1, output_name: 'summary', field_path: '$.text', created_by: 'user-7' },
    );
    const { url, expires_at } = await createLinkTo(row, { name: 'anna' });

    const { status, html } = await readPage(open(url));

    expect(status).toBe(200);
    expect(html).toContain('<title>Tone</title>');
    const text = extractText(html);
    for (const part of [
      'Tone',
      'How it sounds.',
      'summary › $.text',
      row.run_id,
      'casual',
      'user-7',
      `${SUBJECT}/anna`,
    ])
      expect(text).toContain(part);
    expect(text).toContain('2 January 2026 at 03:04 UTC');
    expect(html).toContain(`<time datetime="${expires_at}">`);
    expect(listButtons(html)).toEqual([
      ['0', 'formal'],
      ['1', 'casual'],
      ['2', 'friendly'],
    ]);
    expect(/<button[^>]*aria-current="true"[^>]*>(.*?)</.exec(html)?.[1]).toBe('casual');
    expect(readVersion(html)).toBe(row.created_at);
    expect(html).not.toContain('<script');
    expect(html).not.toContain('<svg');
  });

  it('the page forbids frames, caches, indexes and foreign styles, loads nothing, and sends no referrer', async () => {
    const { url } = await createLinkTo(await storeEvaluation());

    const { headers, html } = await readPage(open(url));

    const style = requirePresent(/<style>(.*?)<\/style>/s.exec(html)?.[1]);
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style));
    const base64 = btoa(String.fromCharCode(...new Uint8Array(hash)));
    const { 'x-request-id': _, 'x-d1-bookmark': __, ...rest } = Object.fromEntries(headers);
    expect(rest).toEqual({
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; img-src data:; style-src 'sha256-${base64}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
      'content-type': 'text/html; charset=utf-8',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-robots-tag': 'noindex, nofollow',
    });
    expect(html.match(/ style=|<link[^>]*>|<img|<a |https?:/g)).toEqual([
      // Without this element, a browser would request /favicon.ico, which the page's policy
      // forbids.
      '<link rel="icon" href="data:,">',
    ]);
  });

  it.each([
    [
      'binary',
      {},
      [
        ['0', 'No'],
        ['1', 'Yes'],
      ],
    ],
    [
      'ordinal',
      CATEGORIES,
      [
        ['0', 'formal'],
        ['1', 'casual'],
        ['2', 'friendly'],
      ],
    ],
    ['continuous', {}, []],
  ])(
    'the page of a %s label has a button for each category',
    async (value_type, label, buttons) => {
      const { url } = await createLinkTo(await storeLabelled({ value_type, ...label }));

      expect(listButtons((await readPage(open(url))).html)).toEqual(buttons);
    },
  );

  it.each([
    [{ min_value: 1, max_value: 10.5 }, ' min="1" max="10.5"', 'from 1 to 10.5'],
    [{ min_value: 0 }, ' min="0"', '0 or more'],
    [{ max_value: -1 }, ' max="-1"', '-1 or less'],
    [{}, '', 'a number'],
  ])(
    'the page of a continuous label has a field with its bounds: %j',
    async (label, attributes, words) => {
      const { url } = await createLinkTo(await storeLabelled(label));

      const { html } = await readPage(open(url));

      expect(
        /<input id="value"[^>]*>/
          .exec(html)?.[0]
          .replace(/^.*autocomplete="off"(.*?) value="".*$/, '$1'),
      ).toBe(attributes);
      expect(extractText(html)).toContain(`Your answer, ${words}`);
    },
  );

  it('the page of an evaluation without a label asks for a number', async () => {
    const row = await storeEvaluation({
      output_name: null,
      field_path: null,
      created_by: null,
      created_by_evaluator_id: null,
    });
    const { url } = await createLinkTo(row);

    const { html } = await readPage(open(url));

    expect(html).toContain('<h1 dir="auto">Evaluation</h1>');
    expect(extractText(html)).toContain('Your answer, a number');
    expect(extractText(html)).toContain('set 2 January 2026');
    expect(html).not.toContain('Output');
  });

  it('the page tells that an evaluator has set the value, without its id, until somebody changes the value', async () => {
    const created_by_evaluator_id = crypto.randomUUID();
    const row = await storeEvaluation({ created_by: null, created_by_evaluator_id });
    const { url } = await createLinkTo(row);

    const { html } = await readPage(open(url));
    const answered = await readPage(answer(url, row.created_at, '7'));

    expect(extractText(html)).toContain('set by an evaluator, 2 January 2026');
    expect(html).not.toContain(created_by_evaluator_id);
    expect(extractText(answered.html)).toContain(`set by ${SUBJECT} ,`);
  });

  it('the page names the person who created the evaluation with an evaluator', async () => {
    const row = await storeEvaluation({ created_by_evaluator_id: crypto.randomUUID() });

    const { html } = await readPage(open((await createLinkTo(row)).url));

    expect(extractText(html)).toContain(`set by ${row.created_by} ,`);
  });

  it('the page shows a shared label, or the account\u2019s own label with the same id', async () => {
    const neighbour = await storeLabel({ account_id: 'acc_0', name: 'Theirs' });
    const shared = await storeLabel({ id: neighbour.id, account_id: 'shared', name: 'Shared' });
    const both = await storeLabel({ name: 'Own' });
    await storeLabel({ id: both.id, name: 'Theirs', account_id: 'acc_neighbour' });
    await storeLabel({ id: both.id, name: 'Hidden', account_id: 'shared' });

    for (const [id, name] of [
      [shared.id, 'Shared'],
      [both.id, 'Own'],
    ] as const) {
      const { url } = await createLinkTo(await storeEvaluation({ evaluation_label_id: id }));
      expect((await readPage(open(url))).html).toContain(`<h1 dir="auto">${name}</h1>`);
    }
  });

  it('the page draws the last thirty values, and has them as text', async () => {
    const row = await storeLabelled(
      { value_type: 'continuous', min_value: 0, max_value: 100 },
      { value: 0 },
    );
    const { url } = await createLinkTo(row);
    for (let value = 1; value <= 32; value += 1) await worker(await putValue(row, value));

    const { html } = await readPage(open(url));

    const words = Array.from({ length: 31 }, (_, index) => index + 2).join(', ');
    expect(html).toContain(`aria-label="The values so far: ${words}"`);
    expect(/<polyline points="([^"]*)"/.exec(html)?.[1]?.split(' ')).toHaveLength(31);
    expect(html).not.toMatch(/NaN|Infinity|undefined|null/);
  });

  it.each([
    ['numbers whose difference is beyond a double', [-1.7e308, 1.7e308]],
    ['the same number twice', [5, 5]],
    ['very small numbers', [5e-324, 0]],
  ])('draws %s', async (_, values) => {
    const row = await storeEvaluation({ value: 1 });
    const { url } = await createLinkTo(row);
    for (const value of values)
      await worker(post(url, { value }, { 'idempotency-key': crypto.randomUUID() }));

    const { html } = await readPage(open(url));

    const points = /<polyline points="([^"]*)"/.exec(html)?.[1]?.split(/[ ,]/).map(Number) ?? [];
    expect(points).toHaveLength(2 * (values.length + 1));
    for (const point of points) expect(point >= 0 && point <= 144).toBe(true);
  });

  it('the page draws nothing of another account that has an evaluation of the same ids', async () => {
    const row = await storeEvaluation();
    const neighbour = await storeEvaluation({
      id: row.id,
      run_id: row.run_id,
      account_id: 'acc_neighbour',
    });
    const theirs = await signLink(neighbour, { account: 'acc_neighbour' as AccountId });
    expect((await worker(post(theirs, { value: 41 }))).status).toBe(200);

    const { html } = await readPage(open((await createLinkTo(row)).url));

    expect(html).not.toContain('<svg');
    expect((await readPage(open(theirs))).html).toContain('aria-label="The values so far: 3, 41"');
  });

  it('the page escapes every text that is not ours', async () => {
    const evil = `<script>alert("1")</script>'&`;
    const row = await storeLabelled(
      {
        name: evil,
        description: evil,
        value_type: 'ordinal',
        categories: JSON.stringify([evil, `"><img src=x>`]),
      },
      { output_name: evil, field_path: evil, created_by: evil, value: 0 },
    );
    const { url } = await createLinkTo(row);
    await worker(post(url, { value: 1 }));

    const { html } = await readPage(open(url));

    expect(html).not.toMatch(/<script|<img|alert\("/);
    expect(html.split('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;')).toHaveLength(
      8,
    );
  });

  it('the page weighs less than 8 KiB with all that a page usually has', async () => {
    const row = await storeLabelled({
      name: 'Response Quality',
      description:
        'Whether the response answers what was asked, completely and without anything made up. '.repeat(
          3,
        ),
      value_type: 'ordinal',
      categories: JSON.stringify(['Unusable', 'Poor', 'Acceptable', 'Good', 'Excellent']),
    });
    const { url } = await createLinkTo(row, { name: 'anna.example@example.com' });
    for (let n = 1; n <= 32; n += 1) await worker(await putValue(row, n % 5));

    const { html } = await readPage(open(url));

    expect(new TextEncoder().encode(html).byteLength).toBeLessThan(8 * 1024);
  });

  it('answers a request for JSON with the evaluation and its tag', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const ask = (accept: string) => worker(visit(url, { headers: { accept } }));

    for (const accept of [
      'application/json',
      'application/json, */*;q=0.1',
      'application/problem+json',
    ]) {
      const response = await ask(accept);
      const { updated_at: _, ...resource } = row;
      expect(await response.json()).toEqual(resource);
      expect(response.headers.get('etag')).toBe(`"${row.created_at}"`);
    }
    for (const accept of ['*/*', 'text/html', 'text/html, application/json', ''])
      expect((await ask(accept)).headers.get('content-type')).toBe('text/html; charset=utf-8');
  });
});

describe('who opens or scans a link', () => {
  it('stores nothing for GET and HEAD, whatever a scanner sends', async () => {
    const row = await storeLabelled({ value_type: 'ordinal', ...CATEGORIES });
    const { url } = await createLinkTo(row);
    const before = await readState(row);
    const logged = vi.spyOn(console, 'log');
    const agents = [
      'Mozilla/5.0 (compatible; Safelinks)',
      'Slackbot-LinkExpanding 1.0',
      'facebookexternalhit/1.1',
      'curl/8.5.0',
    ];

    const scan = async (n: number) => {
      const query = n % 3 === 0 ? `&value=${n % 2}&version=${row.created_at}` : '';
      const headers = {
        'user-agent': agents[n % agents.length] ?? '',
        ...(n % 2 === 0 ? BROWSER : {}),
      };
      return (await worker(visit(url + query, { method: n % 5 === 0 ? 'HEAD' : 'GET', headers })))
        .status;
    };
    const statuses = await Promise.all(Array.from({ length: 120 }, (_, n) => scan(n)));

    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await readState(row)).toEqual(before);
    const lines = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(lines).toHaveLength(120);
    expect(lines.filter(({ rows_written }) => rows_written !== 0)).toEqual([]);
  });

  it('answers HEAD with headers and no body', async () => {
    const { url } = await createLinkTo(await storeEvaluation());
    const response = await worker(visit(url, { method: 'HEAD', headers: BROWSER }));

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('refuses an answer %s', async (method) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    await expectRefusal(await worker(visit(url, { method, headers: BROWSER })), {
      status: 405,
      error: 'This path does not have that method; it has GET, HEAD, POST.',
      headers: { allow: 'GET, HEAD, POST' },
    });
  });
});

describe('an answer on the page', () => {
  const ask = async (
    label: object = { value_type: 'ordinal', ...CATEGORIES },
    fields: Partial<Row> = { value: 0 },
  ) => {
    const row = await storeLabelled(label, fields);
    const { id, url } = await createLinkTo(row, { name: 'anna' });
    return { row, id, url, version: readVersion((await readPage(open(url))).html) };
  };

  it('stores an answer in the name of the link, and the page takes another one', async () => {
    const { row, url, version } = await ask();

    const first = await readPage(answer(url, version, '2'));

    expect(first.status).toBe(200);
    expect(first.html).toContain('<title>Stored: friendly – tone</title>');
    expect(extractText(first.html)).toContain('Stored: friendly . Thank you.');
    expect(await readEvaluation(row.id)).toMatchObject({ value: 2, updated_by: `${SUBJECT}/anna` });
    const second = await readPage(answer(url, readVersion(first.html), '1'));
    expect(second.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 1 });
    expect((await readHistory(row.id)).map(({ value }) => value)).toEqual([0, 2]);
  });

  it('stores an answer once, however often the form is sent, concurrently or one after another', async () => {
    const { row, url, version } = await ask();

    const pages = await Promise.all([1, 2, 3].map(() => readPage(answer(url, version, '2'))));
    pages.push(await readPage(answer(url, version, '2')));

    expect(pages.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(pages.map(({ html }) => html)).size).toBe(1);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('overwrites nothing that was stored while the page was open, and shows both values', async () => {
    const { row, url, version } = await ask();
    await worker(await putValue(row, 1));
    const stored = await readEvaluation(row.id);

    const { status, html } = await readPage(answer(url, version, '2'));

    expect(status).toBe(412);
    expect(extractText(html)).toContain('Not stored yet');
    expect(extractText(html)).toContain('It is casual now, and you answered friendly .');
    expect(await readEvaluation(row.id)).toEqual(stored);
    const again = await readPage(answer(url, readVersion(html), '2'));
    expect(again.status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 2 });
  });

  it('tells a person whose answer is sent again that another was stored since, and undoes nothing', async () => {
    const { row, url, version } = await ask();
    await readPage(answer(url, version, '2'));
    await worker(await putValue(row, 1));

    const { status, html } = await readPage(answer(url, version, '2'));

    expect(status).toBe(200);
    expect(extractText(html)).toContain(
      'Stored: friendly . Thank you. Since then it was changed: it is casual now.',
    );
    expect(await readEvaluation(row.id)).toMatchObject({ value: 1 });
  });

  it('stores the answers 2, 1 and 2 again of one person as three answers', async () => {
    const { row, url, version } = await ask();
    let html = (await readPage(answer(url, version, '2'))).html;
    for (const value of ['1', '2'])
      html = (await readPage(answer(url, readVersion(html), value))).html;

    expect(html).toContain('<title>Stored: friendly – tone</title>');
    expect(await readEvaluation(row.id)).toMatchObject({ value: 2 });
    expect((await readHistory(row.id)).map(({ value }) => value)).toEqual([0, 2, 1]);
  });

  it('explains an answer that the label does not allow beside the field, which keeps it', async () => {
    const { row, url, version } = await ask({
      value_type: 'continuous',
      min_value: 1,
      max_value: 10,
    });

    const { status, html } = await readPage(answer(url, version, '10.5'));

    expect(status).toBe(422);
    expect(html).toMatch(
      /<input id="value"[^>]* value="10.5" aria-invalid="true" aria-describedby="error" autofocus>/,
    );
    expect(html).toMatch(
      /<p class="error" id="error"[^>]*>Not stored: value must be between 1 and 10\.<\/p>/,
    );
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it.each(['', ' ', 'seven', '7,5', '0x10', '1e400', 'Infinity', 'NaN', '<b>', '١', '+5', '5.'])(
    'explains an answer that is no number beside the field: %j',
    async (text) => {
      const { row, url, version } = await ask({ value_type: 'continuous' });

      const { status, html } = await readPage(answer(url, version, text));

      expect(status).toBe(400);
      expect(extractText(html)).toContain('Not stored: value must be a number, such as 7 or 7.5.');
      expect(html).not.toContain('<b>"');
      expect(await readEvaluation(row.id)).toEqual(row);
    },
  );

  it.each([
    ['digits', '1'.repeat(250_000)],
    ['quotation marks', '"'.repeat(80_000)],
    ['one character too many', `0.${'1'.repeat(63)}`],
  ])('refuses an answer of more than 64 characters, and shows 64 of them: %s', async (_, text) => {
    const { row, url, version } = await ask({ value_type: 'continuous' });
    const usual = await readPage(answer(url, version, 'x'));

    const { status, html } = await readPage(answer(url, version, text));

    expect(status).toBe(422);
    expect(extractText(html)).toContain('Not stored: value must be at most 64 characters long.');
    const shown = text.slice(0, 64).replaceAll('"', '&quot;');
    expect(html).toContain(` value="${shown}" aria-invalid="true"`);
    expect(html.length).toBeLessThan(usual.html.length + 512);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('accepts an answer of 64 characters', async () => {
    const { row, url, version } = await ask({ value_type: 'continuous' });

    expect((await readPage(answer(url, version, `0.5${'0'.repeat(61)}`))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: 0.5 });
  });

  it('refuses an answer whose version has more than 64 characters, and does not show the version', async () => {
    const { row, url } = await ask({ value_type: 'continuous' });

    const { status, html } = await readPage(answer(url, '"'.repeat(80_000), '2'));

    expect(status).toBe(422);
    expect(extractText(html)).toContain(
      'Not stored: The answer is not to the page of this link: open the link again.',
    );
    expect(readVersion(html)).toBe(row.created_at);
    expect(html.length).toBeLessThan(8 * 1024);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it.each([
    ['value', (version: string) => [version, '1'.repeat(80_000)] as const],
    ['version', () => ['"'.repeat(80_000), '2'] as const],
  ])(
    'shows no part of an answer with a %s that is too long on the page of a failure',
    async (_, answerTo) => {
      const { url, version } = await ask({ value_type: 'continuous' });
      const { db } = makeFlakyD1(DB, 'D1 DB is overloaded.', 'fails');

      const { status, html } = await readPage(
        answer(url, ...answerTo(version)),
        createWorker({ DB: db }),
      );

      expect(status).toBe(503);
      expect(html).not.toContain('<form');
      expect(html).toContain('<a href="">Try again</a>');
      expect(html.length).toBeLessThan(8 * 1024);
    },
  );

  it.each([
    ['7', 7],
    [' 7.50 ', 7.5],
    ['-1e2', -100],
    ['0.1', 0.1],
    ['1E2', 100],
    ['.5', 0.5],
    ['-.5e1', -5],
  ])('reads a number as a browser sends it: %j', async (text, value) => {
    const { row, url, version } = await ask({ value_type: 'continuous' });

    expect((await readPage(answer(url, version, text))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value });
  });

  it('refuses an answer with a version that no page showed', async () => {
    const { row, url } = await ask();

    expect((await readPage(answer(url, 'x', '2'))).status).toBe(412);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('calls D1 once for an answer, stored or refused, with the page that follows', async () => {
    const { row, url, version } = await ask();
    const logged = vi.spyOn(console, 'log');
    for (const value of ['2', '3', 'x']) await worker(answer(url, version, value));

    const lines = logged.mock.calls.flat().map((line) => JSON.parse(String(line)));
    expect(
      lines.map(({ status, db_calls, db_attempts }) => [status, db_calls, db_attempts]),
    ).toEqual([
      [200, 1, 1],
      [412, 1, 1],
      [400, 1, 1],
    ]);
    expect(lines[1]).toMatchObject({ refusal: 'precondition_failed' });
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('lets a person send an answer again that may be stored or not, and stores it once', async () => {
    const { row, url, version } = await ask();
    const { db } = makeFlakyD1(DB, 'D1 DB is overloaded.', 'is lost', 'succeeds');

    const { status, headers, html } = await readPage(
      answer(url, version, '2'),
      createWorker({ DB: db }),
    );

    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('5');
    expect(extractText(html)).toContain('Please try again in a moment');
    const resent = Object.fromEntries(
      [...html.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    expect(resent).toEqual({ version, value: '2' });
    expect((await readPage(answer(url, version, '2'))).status).toBe(200);
    expect(await readHistory(row.id)).toHaveLength(1);
  });

  it('stores no answer through a link that was revoked meanwhile, and shows that the link does not work', async () => {
    const { row, id, url, version } = await ask();
    await worker(
      await request(`${buildPath(row)}/links/${id}`, {
        method: 'DELETE',
        headers: { 'content-type': null },
      }),
    );

    const { status, html } = await readPage(answer(url, version, '2'));

    expect(status).toBe(404);
    expect(extractText(html)).toContain(LINK_NOT_FOUND.error);
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it('answers a fault of ours with a page that tells nothing', async () => {
    const { url, version } = await ask();
    const { db } = makeFlakyD1(DB, 'no such table: run_evaluation', 'fails');

    const { status, html } = await readPage(answer(url, version, '2'), createWorker({ DB: db }));

    expect(status).toBe(500);
    expect(html).not.toContain('no such table');
  });

  it('takes no body for an answer if a field is missing, or if JSON claims to be a form', async () => {
    const { row, url, version } = await ask();
    const form = (body: string) =>
      worker(
        visit(url, {
          method: 'POST',
          body: new TextEncoder().encode(body),
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }),
      );

    const error = 'What /value finds in the body is nothing: it must be a number, true or false.';
    await expectRefusal(await form(`version=${version}`), { status: 422, error });
    await expectRefusal(await form(''), {
      status: 400,
      error: 'The body must be valid JSON in UTF-8.',
    });
    expect((await form('{"value":2,"x":"&version=a&value=1"}')).headers.get('content-type')).toBe(
      'application/json',
    );
    expect(await readEvaluation(row.id)).toMatchObject({ value: 2 });
  });
});
