/** Tests a link's page in Chromium, as a person without a token sees the page. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { renderFailurePage } from '../../src/link/page.ts';
import { findChromium, launchChromium } from './chromium.ts';
import { openWindow, pressButton, storeNumber, type Window } from './window.ts';
import { AUTHOR, type Label, SUBJECT, startWorker, type Worker } from './worker.ts';

const GONE =
  'The link does not work: it was altered, has expired or was revoked, or its evaluation is gone. Ask the sender for a new link.';

const INCOMPLETE =
  'The link is incomplete: its end was cut off, perhaps by a program that takes only shorter links. Use the whole link, or ask for a shorter one.';

const BINARY: Label = { name: 'Correct', value_type: 'binary' };
const CATEGORICAL: Label = {
  name: 'Register',
  value_type: 'categorical',
  categories: ['Formal', 'Casual', 'Rude'],
};
const CONTINUOUS: Label = { name: 'Tone', value_type: 'continuous', min_value: 1, max_value: 10 };

let browser: Browser;
let worker: Worker;
beforeAll(async () => {
  [browser, worker] = await Promise.all([launchChromium(), startWorker()]);
});
afterAll(() => Promise.all([browser.close(), worker.close()]));

let window: Window;
beforeAll(async () => {
  window = await openWindow(browser);
});
afterEach(() => expect(window.noted.splice(0)).toEqual([]));

async function open(url: string): Promise<Page> {
  await window.page.goto(url);
  return window.page;
}

const findField = (page: Page) => page.getByRole('spinbutton');
const readHeading = (page: Page) => page.getByRole('heading').textContent();
const readNotice = (page: Page) => page.locator('.notice').textContent();
const readText = async (page: Page) => (await page.locator('main').textContent())?.trim();
const readPresentValue = (page: Page) => page.locator('.now strong').textContent();
const readFocusedText = (page: Page) => page.locator(':focus').textContent();

type Stored = { readonly value: number; readonly updated_by: string | null };
/** Returns all stored values with their authors, newest first. */
async function readStored(path: string): Promise<[number, string | null][]> {
  const [{ value, created_by, updated_by, updated_at }, history] = await Promise.all([
    worker.send('GET', path),
    worker.send('GET', `${path}/history`),
  ]);
  return [
    [value, updated_at === undefined ? created_by : updated_by],
    ...history.map((one: Stored): [number, string | null] => [one.value, one.updated_by]),
  ];
}

describe('a person rates', () => {
  it.each<{ label: Label; press: string; value: number }>([
    { label: BINARY, press: 'Yes', value: 1 },
    { label: CATEGORICAL, press: 'Rude', value: 2 },
    {
      label: { name: 'Severity', value_type: 'ordinal', categories: ['None', 'Minor', 'Major'] },
      press: 'Minor',
      value: 1,
    },
  ])(
    'a person rates with a button: a label that is $label.value_type',
    async ({ label, press: choice, value }) => {
      const { path, link } = await worker.createLinkedEvaluation(label, 0);
      const page = await open(link.url);

      await pressButton(page, choice);

      expect(await readNotice(page)).toBe(`Stored: ${choice}. Thank you. You can change it below.`);
      expect(await readPresentValue(page)).toBe(choice);
      expect(await readStored(path)).toEqual([
        [value, AUTHOR],
        [0, SUBJECT],
      ]);
    },
  );

  it.each<{ name: string; bounds: Partial<Label>; asks: string; sent: string; value: number }>([
    {
      name: 'both bounds',
      bounds: { min_value: 1, max_value: 10 },
      asks: 'Your answer, from 1 to 10',
      sent: '7.5',
      value: 7.5,
    },
    {
      name: 'a least value',
      bounds: { min_value: 0 },
      asks: 'Your answer, 0 or more',
      sent: '1e21',
      value: 1e21,
    },
    {
      name: 'a greatest value',
      bounds: { max_value: 5 },
      asks: 'Your answer, 5 or less',
      sent: '-3',
      value: -3,
    },
    { name: 'no bound', bounds: {}, asks: 'Your answer, a number', sent: '-0.25', value: -0.25 },
  ])(
    'a person rates with a field: a continuous label with $name',
    async ({ bounds, asks, sent, value }) => {
      const { path, link } = await worker.createLinkedEvaluation(
        { name: 'Tone', value_type: 'continuous', ...bounds },
        2,
      );
      const page = await open(link.url);

      await page.getByLabel(asks).fill(sent);
      await pressButton(page, 'Store');

      expect(await readNotice(page)).toBe(`Stored: ${value}. Thank you. You can change it below.`);
      expect(await readStored(path)).toEqual([
        [value, AUTHOR],
        [2, SUBJECT],
      ]);
    },
  );

  it('a person rates with a field: an evaluation whose label is gone', async () => {
    const { path, link } = await worker.createLinkedEvaluationWithoutLabel(2);
    const page = await open(link.url);

    await page.getByLabel('Your answer, a number').fill('3');
    await pressButton(page, 'Store');

    expect(await readHeading(page)).toBe('Evaluation');
    expect(await readStored(path)).toEqual([
      [3, AUTHOR],
      [2, SUBJECT],
    ]);
  });

  it('a person rates with the keyboard alone: a button', async () => {
    const { path, link } = await worker.createLinkedEvaluation(BINARY, 0);
    const page = await open(link.url);

    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.notice').waitFor();

    expect(await readStored(path)).toEqual([
      [1, AUTHOR],
      [0, SUBJECT],
    ]);
  });

  it('a person rates with the keyboard alone: a field', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);

    await page.keyboard.press('Tab');
    await page.keyboard.type('9');
    await page.keyboard.press('Enter');
    await page.locator('.notice').waitFor();

    expect(await readStored(path)).toEqual([
      [9, AUTHOR],
      [2, SUBJECT],
    ]);
  });

  it('a person rates with JavaScript switched off', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CATEGORICAL, 0);
    const { page, context, noted } = await openWindow(browser, { javaScriptEnabled: false });
    await page.goto(link.url);

    await pressButton(page, 'Casual');

    expect(await readNotice(page)).toBe('Stored: Casual. Thank you. You can change it below.');
    expect(noted).toEqual([]);
    await context.close();
    expect(await readStored(path)).toEqual([
      [1, AUTHOR],
      [0, SUBJECT],
    ]);
  });
});

describe('after an answer', () => {
  it('after an answer, the sentence about the stored value has the focus, and the title names the value', async () => {
    const { link } = await worker.createLinkedEvaluation(BINARY, 0);
    const page = await open(link.url);

    await pressButton(page, 'Yes');

    expect(await readFocusedText(page)).toBe('Stored: Yes. Thank you. You can change it below.');
    expect(await page.title()).toBe('Stored: Yes – Correct');
  });

  it('a person comes back, sees the stored answer, and changes it', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    await storeNumber(await open(link.url), '7');

    const page = await open(link.url);
    expect(await readPresentValue(page)).toBe('7');
    await storeNumber(page, '8');
    await storeNumber(page, '9');

    expect(await readStored(path)).toEqual([
      [9, AUTHOR],
      [8, AUTHOR],
      [7, AUTHOR],
      [2, SUBJECT],
    ]);
  });

  it('the back button leads to a page that shows the stored answer and takes another one', async () => {
    const { path, link } = await worker.createLinkedEvaluation(BINARY, 0);
    const page = await open(link.url);
    await pressButton(page, 'Yes');

    await page.goBack();
    expect(await readPresentValue(page)).toBe('Yes');
    await pressButton(page, 'No');

    expect(await readNotice(page)).toBe('Stored: No. Thank you. You can change it below.');
    expect(await readStored(path)).toEqual([
      [0, AUTHOR],
      [1, AUTHOR],
      [0, SUBJECT],
    ]);
  });

  it('"reload and resend" stores an answer once', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);
    await storeNumber(page, '7');

    await page.reload();

    expect(await readNotice(page)).toBe('Stored: 7. Thank you. You can change it below.');
    expect(await readStored(path)).toEqual([
      [7, AUTHOR],
      [2, SUBJECT],
    ]);
  });

  it('"reload and resend" overwrites nothing after somebody else has changed the value, and shows both values', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);
    await storeNumber(page, '7');
    await worker.updateAsOther(path, 4);

    await page.reload();

    expect(await readNotice(page)).toBe(
      'Stored: 7. Thank you. Since then it was changed: it is 4 now.',
    );
    expect((await readStored(path)).map(([value]) => value)).toEqual([4, 7, 2]);
  });

  it('a double click stores an answer once', async () => {
    const { path, link } = await worker.createLinkedEvaluation(BINARY, 0);
    const page = await open(link.url);

    await page.getByRole('button', { name: 'Yes' }).dblclick({ noWaitAfter: true });
    await page.locator('.notice').waitFor();
    await page.waitForLoadState();

    expect(await readNotice(page)).toBe('Stored: Yes. Thank you. You can change it below.');
    expect(await readStored(path)).toEqual([
      [1, AUTHOR],
      [0, SUBJECT],
    ]);
  });
});

describe('where somebody else was faster', () => {
  it('a person who was slower sees both values, overwrites nothing, and stores another answer', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CATEGORICAL, 0);
    const page = await open(link.url);
    await worker.updateAsOther(path, 2);

    await pressButton(page, 'Casual');
    const sentence =
      'Not stored yet: it was changed while you had the page open. It is Rude now, and you answered Casual. Answer again if that is still right.';
    expect(await readFocusedText(page)).toBe(sentence);
    expect(await readPresentValue(page)).toBe('Rude');
    expect((await readStored(path)).map(([value]) => value)).toEqual([2, 0]);

    await pressButton(page, 'Casual');
    expect(await readNotice(page)).toBe('Stored: Casual. Thank you. You can change it below.');
    expect(await readStored(path)).toEqual([
      [1, AUTHOR],
      [2, 'somebody-else'],
      [0, SUBJECT],
    ]);
  });

  it('a person who was slower still has the number in the field', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);
    await worker.updateAsOther(path, 4);

    await storeNumber(page, '9');
    expect(await findField(page).inputValue()).toBe('9');
    await pressButton(page, 'Store');

    expect((await readStored(path)).map(([value]) => value)).toEqual([9, 4, 2]);
  });

  it('a person who answered in another tab sees both values', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);
    const tab = await page.context().newPage();
    await tab.goto(link.url);
    await storeNumber(tab, '7');
    await tab.close();

    await storeNumber(page, '8');

    expect(await readNotice(page)).toMatch(
      /^Not stored yet: .* It is 7 now, and you answered 8\. /,
    );
    expect((await readStored(path)).map(([value]) => value)).toEqual([7, 2]);
  });
});

describe('a value that the label does not allow', () => {
  it('the browser stops an illegal value before it sends anything', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);

    await findField(page).fill('11');
    await page.getByRole('button').click();

    expect(await findField(page).evaluate((input) => input.validity.rangeOverflow)).toBe(true);
    expect(await page.locator('.notice, .error').count()).toBe(0);
    expect(await readStored(path)).toEqual([[2, SUBJECT]]);
  });

  it('the page explains an illegal value beside the field, which keeps the value and has the focus', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CONTINUOUS, 2);
    const page = await open(link.url);
    await findField(page).evaluate((input) => input.removeAttribute('max'));

    await storeNumber(page, '11');

    expect(await page.getByRole('alert').textContent()).toBe(
      'Not stored: value must be between 1 and 10.',
    );
    expect(
      await page
        .locator(':focus')
        .evaluate((input) => [input.id, input.value, input.getAttribute('aria-describedby')]),
    ).toEqual(['value', '11', 'error']);
    expect(await page.title()).toBe('Not stored – Tone');
    expect(await readStored(path)).toEqual([[2, SUBJECT]]);
  });

  it('the page explains an illegal value below the buttons, and the explanation has the focus', async () => {
    const { path, link } = await worker.createLinkedEvaluation(CATEGORICAL, 0);
    const page = await open(link.url);
    await page
      .getByRole('button', { name: 'Rude' })
      .evaluate((button) => button.setAttribute('value', '3'));

    await pressButton(page, 'Rude');

    expect(await readFocusedText(page)).toMatch(/^Not stored: value must be /);
    expect(await readStored(path)).toEqual([[0, SUBJECT]]);
  });
});

describe('a link that does not work', () => {
  it('a revoked link stores nothing although its page is open, and does not open again', async () => {
    const { path, link } = await worker.createLinkedEvaluation(BINARY, 0);
    const page = await open(link.url);
    await worker.revoke(path, link);

    await pressButton(page, 'Yes');
    expect(await readText(page)).toBe(`Please ask for another link\n${GONE}`);
    await page.goto(link.url);
    expect(await readText(page)).toBe(`Please ask for another link\n${GONE}`);

    expect(await readStored(path)).toEqual([[0, SUBJECT]]);
  });

  it.each<[string, (url: string, expired: string) => string]>([
    ['expired', (_, expired) => expired],
    ['longer', (url) => `${url}A`],
    ['altered', (url) => url.replace('key=A', 'key=B')],
  ])('a link that does not work shows the same sentence: %s', async (_, change) => {
    const { link } = await worker.createLinkedEvaluation(BINARY, 0);

    const page = await open(change(link.url, await worker.signExpiredUrl(link)));

    expect(await readText(page)).toBe(`Please ask for another link\n${GONE}`);
  });

  it.each<[string, (url: string) => string]>([
    ['without its last character', (url) => url.slice(0, -1)],
    ['without most of it', (url) => url.slice(0, 80)],
    ['without a key', (url) => url.replace(/\?.*/, '')],
  ])('a link whose end is missing tells that it is incomplete: %s', async (_, cut) => {
    const { link } = await worker.createLinkedEvaluation(BINARY, 0);

    const page = await open(cut(link.url));

    expect(await readText(page)).toBe(`That did not work\n${INCOMPLETE}`);
  });
});

describe('where the database fails', () => {
  it.each([
    ['for a moment', 'D1 DB is overloaded.', 'Please try again in a moment'],
    ['for an unknown reason', 'unheard of', 'That did not work'],
  ])(
    'a person can send an answer again after a fault of the database, and it is stored once: %s',
    async (_, message, title) => {
      const { path, link } = await worker.createLinkedEvaluation(BINARY, 0);
      const page = await open(link.url);

      await worker.withFailingUpdates(message, () => pressButton(page, 'Yes'));
      expect(await readHeading(page)).toBe(title);
      expect(await readStored(path)).toEqual([[0, SUBJECT]]);
      await pressButton(page, 'Try again');

      expect(await readNotice(page)).toBe('Stored: Yes. Thank you. You can change it below.');
      expect(await readStored(path)).toEqual([
        [1, AUTHOR],
        [0, SUBJECT],
      ]);
    },
  );

  it('a person can open a page again after a fault of the database', async () => {
    const { link } = await worker.createLinkedEvaluation(BINARY, 0);
    const page = await open('about:blank');
    const body = await renderFailurePage(503, '', undefined);
    await page.route(
      link.url,
      (route) => route.fulfill({ status: 503, contentType: 'text/html', body }),
      { times: 1 },
    );
    await page.goto(link.url);
    expect(await readHeading(page)).toBe('Please try again in a moment');

    await page.getByRole('link', { name: 'Try again' }).click();

    expect(await readHeading(page)).toBe('Correct');
  });
});

describe('the page', () => {
  it('the page shows markup from the database as plain text, and runs none of it', async () => {
    const markup = '<script>alert(1)</script>';
    const description = `"><img src=x onerror=alert(2)><style>*{display:none}</style></p>&lt;b&gt; ${markup}`;
    const { path, link } = await worker.createLinkedEvaluation(
      {
        name: markup,
        description,
        value_type: 'categorical',
        categories: [markup, '"><svg onload=alert(3)>'],
      },
      0,
      { output_name: '<iframe src=//example.com>' },
    );
    const page = await open(link.url);

    expect(await readHeading(page)).toBe(markup);
    expect(await page.locator('.about').textContent()).toBe(description);
    expect(await page.locator('script, img, iframe, style >> nth=1').count()).toBe(0);
    await pressButton(page, '"><svg onload=alert(3)>');
    expect(await readNotice(page)).toBe(
      'Stored: "><svg onload=alert(3)>. Thank you. You can change it below.',
    );
    expect(await page.title()).toBe(`Stored: "><svg onload=alert(3)> – ${markup}`);
    expect((await readStored(path)).map(([value]) => value)).toEqual([1, 0]);
  });

  it('the page asks for a phone keyboard that has a minus sign, unless the label allows no value below 0', async () => {
    const readKeyboard = async (bounds: Partial<Label>) => {
      const { link } = await worker.createLinkedEvaluation(
        { name: 'Tone', value_type: 'continuous', ...bounds },
        2,
      );
      return findField(await open(link.url)).getAttribute('inputmode');
    };

    expect(await readKeyboard({})).toBeNull();
    expect(await readKeyboard({ min_value: -1 })).toBeNull();
    expect(await readKeyboard({ min_value: 0 })).toBe('decimal');
  });

  it('scanners fetch the page 1,000 times, and nothing is stored', async () => {
    const { path, link } = await worker.createLinkedEvaluation(BINARY, 0);
    const scanners = [
      'Mozilla/5.0 (compatible; Barracuda Sentinel)',
      'Mozilla/4.0 (compatible; ms-office; MSOffice 16)',
      'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
      'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)',
      'facebookexternalhit/1.1',
    ];
    const before = await worker.send('GET', path);
    const urls = [
      link.url,
      `${link.url}&value=1`,
      `${link.url}&version=${before.created_at}&value=1`,
    ];
    const statuses = new Set<number>();
    const scan = async (index: number) => {
      const method = index % 2 === 0 ? 'GET' : 'HEAD';
      const headers = { 'user-agent': scanners[index % 5] ?? '' };
      const response = await fetch(urls[index % 3] ?? '', { method, headers });
      await response.arrayBuffer();
      statuses.add(response.status);
    };

    for (let index = 0; index < 1000; index += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, offset) => scan(index + offset)));
    }

    expect([...statuses]).toEqual([200]);
    expect(await worker.send('GET', path)).toEqual(before);
    expect(await readStored(path)).toEqual([[0, SUBJECT]]);
  });
});

describe('npm run test:browser', () => {
  it('npm run test:browser tells how to get a Chromium if none is installed', () => {
    expect(() => findChromium({ PATH: '/nowhere' })).toThrow(
      'No Chromium is installed: `apt-get install --no-install-recommends chromium fonts-dejavu-core`, or set CHROMIUM to the path of one.',
    );
  });
});
