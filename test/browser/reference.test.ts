/**
 * Tests the API reference in Chromium: how it looks, what it sends and to whom. The form sends a
 * request with a pasted token. Scalar, the library of the page, could call servers of its own. So
 * every other request fails the test.
 */
import type { Browser, Page, Request } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from './chromium.ts';
import {
  CONTEXT,
  findViolations,
  LOOKS,
  loadAxe,
  measureOverflow,
  show,
  takePicture,
} from './looks.ts';
import { openWindow, type Window } from './window.ts';
import { SUBJECT, startWorker, type Worker } from './worker.ts';

const WIDE = { width: 1280, height: 800 };

/** Scalar writes its version to the console. */
const VERSION = /^info: @scalar\/api-reference@[\d.]+$/;

let browser: Browser;
let worker: Worker;
beforeAll(async () => {
  [browser, worker] = await Promise.all([launchChromium(), startWorker()]);
});
afterAll(() => Promise.all([browser.close(), worker.close()]));

let sent: Request[] = [];
let window: Window;
beforeAll(async () => {
  window = await openWindow(browser, CONTEXT, (request) => {
    sent.push(request);
    return new URL(request.url()).origin === worker.url.origin;
  });
});
afterEach(() => {
  sent = [];
  expect(window.noted.splice(0).filter((message) => !VERSION.test(message))).toEqual([]);
});

const PATH = '/v1/run/{run_id}/evaluation/{evaluation_id}';

/** Opens the reference anew, at an operation if its anchor is given. */
async function open(page: Page, anchor = ''): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${worker.url}#${anchor}`);
  await page.getByRole('heading', { name: 'Run evaluations' }).waitFor();
}

async function openUpdate(page: Page): Promise<void> {
  await open(page, `tag/evaluations/PUT${PATH}`);
  await page.getByRole('heading', { name: 'Update run evaluation', exact: true }).waitFor();
}

const pasteToken = (page: Page, token: string) =>
  page.getByPlaceholder('Token').first().fill(token);

/** Finds the form in front of the page. */
const findForm = (page: Page) => page.getByRole('dialog');
const findButton = (page: Page) => findForm(page).getByRole('button', { name: /^Send/ }).first();

async function openForm(page: Page): Promise<void> {
  await openUpdate(page);
  await page.getByRole('button', { name: `Test Request (put ${PATH})` }).click();
  await findButton(page).waitFor();
}

/** Writes a value into the field of a parameter. */
const fill = (page: Page, parameter: string, value: string) =>
  findForm(page).locator(`tr[id="${parameter}"]`).getByRole('combobox').last().fill(value);

/** Sends the request of the form. Resolves with the status that the form shows. */
async function send(page: Page): Promise<string | null> {
  await findButton(page).click();
  const status = findForm(page)
    .getByText(/^\d{3} [A-Z]/)
    .first();
  await status.waitFor();
  return status.textContent();
}

/** Sends the example of the document without a token. The answer is 401. */
async function openAndSend(page: Page): Promise<void> {
  await page.setViewportSize(WIDE);
  await openForm(page);
  await send(page);
}

/** The rules of axe-core that Scalar itself breaks, each with the element that breaks it. */
const OF_PAGE = [
  // The button "More" under a description is 18 px high.
  'target-size',
];
const OF_OPERATION = [
  ...OF_PAGE,
  // The boxes with an example of a response have the same name.
  'landmark-unique',
];
const OF_FORM = [
  'landmark-unique',
  // The buttons "More Information" have role="none".
  'aria-allowed-role',
  'aria-prohibited-attr',
  'presentation-role-conflict',
  // The editors of the two bodies have no name.
  'aria-input-field-name',
  // The field of a header or parameter is a combobox without aria-expanded.
  'aria-required-attr',
  // The button "Copy code" refers to a description that does not exist.
  'aria-valid-attr-value',
  // The form has a <main> of its own, in front of the page's.
  'landmark-no-duplicate-main',
  // The keyboard cannot scroll the body of the response.
  'scrollable-region-focusable',
];
type State = { readonly bring: (page: Page) => Promise<void>; readonly faults: readonly string[] };
const STATES: { readonly [state: string]: State } = {
  introduction: { bring: open, faults: OF_PAGE },
  operation: { bring: openUpdate, faults: OF_OPERATION },
  form: { bring: openAndSend, faults: OF_FORM },
};

describe.each(Object.entries(STATES))('the API reference: %s', (state, { bring, faults }) => {
  beforeAll(() => bring(window.page));

  it('axe-core finds only the faults that are listed as Scalar\u2019s, and each of them', async () => {
    const { page } = window;
    await loadAxe(page);
    const violations = new Map<string, string>();
    for (const look of LOOKS) {
      await show(page, look);
      await takePicture(page, `reference ${state} ${look.name}`, { fullPage: false });
      for (const { id, elements } of await findViolations(page))
        violations.set(id, `${look.name}: ${elements.slice(0, 1000)}`);
    }

    expect([...violations].filter(([id]) => !faults.includes(id))).toEqual([]);
    expect(faults.filter((id) => !violations.has(id))).toEqual([]);
  });

  it('fits a screen 320 px wide', async () => {
    await window.page.setViewportSize({ width: 320, height: 568 });
    expect(await measureOverflow(window.page)).toBe(0);
  });
});

/** Reads everything that the browser stores for the page, apart from the page itself. */
const readKeptData = async (page: Page): Promise<string> =>
  JSON.stringify([
    await page.context().storageState({ indexedDB: true }),
    await page.evaluate('({ ...sessionStorage })'),
    await page.evaluate('caches.keys()'),
  ]);

describe('the form of the API reference', () => {
  it('the form sends what a person fills in, with the pasted token, to this deployment and to nobody else', async () => {
    const { page } = window;
    const { path } = await worker.ask({ name: 'Tone', value_type: 'continuous' }, 2);
    const [, , , run = '', , evaluation = ''] = path.split('/');
    await page.setViewportSize(WIDE);
    await openForm(page);
    await pasteToken(page, worker.token);
    await fill(page, 'run_id', run);
    await fill(page, 'evaluation_id', evaluation);

    expect(await send(page)).toContain('200 OK');

    const { value, updated_by } = await worker.send('GET', path);
    expect({ value, updated_by }).toEqual({ value: 7.5, updated_by: SUBJECT });
    const withToken = sent.filter((request) => request.headers()['authorization'] !== undefined);
    expect(withToken.map((request) => `${request.method()} ${request.url()}`)).toEqual([
      `PUT ${worker.url.origin}${path}`,
    ]);
  });

  it('the form leaves out optional headers and parameters, though the document has examples', async () => {
    await openAndSend(window.page);

    const [request] = sent.filter((one) => one.method() === 'PUT');
    const headers = Object.keys(request?.headers() ?? {});
    expect(headers.filter((name) => /^(?:if-match|idempotency-key|x-)/.test(name))).toEqual([]);
    expect(request?.url()).not.toContain('?');
  });

  it('the browser stores the pasted token nowhere', async () => {
    const { page } = window;
    await page.setViewportSize(WIDE);
    await openUpdate(page);
    await takePicture(page, 'reference wide', { fullPage: false });
    await pasteToken(page, 'a-token-that-nobody-keeps');

    expect(await readKeptData(page)).not.toContain('a-token-that-nobody-keeps');
    await page.reload();
    expect(await page.getByPlaceholder('Token').first().inputValue()).toBe('');
  });
});

describe('the page of the API reference', () => {
  it('the page loads nothing that a link to it names, and runs nothing of it', async () => {
    const { page } = window;
    const foreign = encodeURIComponent('https://elsewhere.example/openapi.json');
    const script = encodeURIComponent('<img src=x onerror=alert(1)>');

    await page.goto('about:blank');
    await page.goto(
      `${worker.url}?url=${foreign}&api=${script}&server=${foreign}&proxyUrl=${foreign}#tag/${script}`,
    );
    await page.getByRole('heading', { name: 'Run evaluations' }).waitFor();

    expect(await page.locator('img').count()).toBe(0);
  });

  it('the page needs nothing that its policy forbids: Scalar only asks whether eval works', async () => {
    const { page, context, noted } = await openWindow(browser, {}, () => true);
    await page.addInitScript(`globalThis.refused = [];
      document.addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective + ' ' + event.blockedURI))`);

    await openAndSend(page);

    expect(await page.evaluate('refused')).toEqual(['script-src eval']);
    expect(noted.filter((message) => !VERSION.test(message))).toEqual([]);
    await context.close();
  });

  it('the page without JavaScript tells where the document is as JSON', async () => {
    const { page, context } = await openWindow(browser, { javaScriptEnabled: false }, () => true);
    await page.goto(String(worker.url));

    await page.getByRole('link', { name: 'The same as JSON' }).click();

    expect(page.url()).toBe(`${worker.url.origin}/openapi.json`);
    await context.close();
  });
});
