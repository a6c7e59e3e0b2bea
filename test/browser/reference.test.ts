/**
 * Tests the API reference in Chromium. A person pastes a token into this page, so the page must
 * send no request to another server.
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
  setLook,
  takePicture,
} from './looks.ts';
import { openWindow, type Window } from './window.ts';
import { SUBJECT, startWorker, type Worker } from './worker.ts';

const WIDE = { width: 1280, height: 800 };

/** The only console message that the page may write. Scalar renders the page. */
const SCALAR_VERSION = /^info: @scalar\/api-reference@[\d.]+$/;

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
  expect(window.noted.splice(0).filter((message) => !SCALAR_VERSION.test(message))).toEqual([]);
});

const PATH = '/v1/run/{run_id}/evaluation/{evaluation_id}';

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

/** Scalar shows the form for a request as a dialog. */
const findForm = (page: Page) => page.getByRole('dialog');
const findSendButton = (page: Page) =>
  findForm(page).getByRole('button', { name: /^Send/ }).first();

async function openForm(page: Page): Promise<void> {
  await openUpdate(page);
  await page.getByRole('button', { name: `Test Request (put ${PATH})` }).click();
  await findSendButton(page).waitFor();
}

const fillParameter = (page: Page, parameter: string, value: string) =>
  findForm(page).locator(`tr[id="${parameter}"]`).getByRole('combobox').last().fill(value);

/** Presses Send, and returns the status that the form shows, such as `200 OK`. */
async function sendForm(page: Page): Promise<string | null> {
  await findSendButton(page).click();
  const status = findForm(page)
    .getByText(/^\d{3} [A-Z]/)
    .first();
  await status.waitFor();
  return status.textContent();
}

/** Opens the form and sends it without a token, so the response is 401. */
async function openAndSendForm(page: Page): Promise<void> {
  await page.setViewportSize(WIDE);
  await openForm(page);
  await sendForm(page);
}

/** Rules of axe-core that Scalar breaks. The next lists are for an operation and the form. */
const PAGE_FAULTS = [
  // The button "More" under a description is 18 px high.
  'target-size',
];
const OPERATION_FAULTS = [
  ...PAGE_FAULTS,
  // All boxes with an example response have the same accessible name.
  'landmark-unique',
];
const FORM_FAULTS = [
  'landmark-unique',
  // The buttons "More Information" have role="none".
  'aria-allowed-role',
  'aria-prohibited-attr',
  'presentation-role-conflict',
  // The editors of the request body and of the response body have no accessible name.
  'aria-input-field-name',
  // The field of a header or parameter is a combobox without aria-expanded.
  'aria-required-attr',
  // The button "Copy code" refers to a description that does not exist.
  'aria-valid-attr-value',
  // The form has a <main>, and the page behind the form has one too.
  'landmark-no-duplicate-main',
  // The keyboard cannot scroll the body of the response.
  'scrollable-region-focusable',
];
type State = {
  readonly openState: (page: Page) => Promise<void>;
  readonly faults: readonly string[];
};
const STATES: { readonly [state: string]: State } = {
  introduction: { openState: open, faults: PAGE_FAULTS },
  operation: { openState: openUpdate, faults: OPERATION_FAULTS },
  form: { openState: openAndSendForm, faults: FORM_FAULTS },
};

describe.each(Object.entries(STATES))('the API reference: %s', (state, { openState, faults }) => {
  beforeAll(() => openState(window.page));

  it('axe-core finds exactly the faults that are listed as Scalar\u2019s', async () => {
    const { page } = window;
    await loadAxe(page);
    const violations = new Map<string, string>();
    for (const look of LOOKS) {
      await setLook(page, look);
      await takePicture(page, `reference ${state} ${look.name}`, { fullPage: false });
      for (const { id, elements } of await findViolations(page))
        violations.set(id, `${look.name}: ${elements.slice(0, 1000)}`);
    }

    expect([...violations].filter(([id]) => !faults.includes(id))).toEqual([]);
    expect(faults.filter((id) => !violations.has(id))).toEqual([]);
  });

  it('the API reference fits a screen 320 px wide', async () => {
    await window.page.setViewportSize({ width: 320, height: 568 });
    expect(await measureOverflow(window.page)).toBe(0);
  });
});

/** Returns everything that the browser stores for the page, as one text. */
const readStoredData = async (page: Page): Promise<string> =>
  JSON.stringify([
    await page.context().storageState({ indexedDB: true }),
    await page.evaluate('({ ...sessionStorage })'),
    await page.evaluate('caches.keys()'),
  ]);

describe('the form of the API reference', () => {
  it('the form sends what a person fills in, with the pasted token, to this deployment and to no other server', async () => {
    const { page } = window;
    const { path } = await worker.createLinkedEvaluation(
      { name: 'Tone', value_type: 'continuous' },
      2,
    );
    const [, , , run = '', , evaluation = ''] = path.split('/');
    await page.setViewportSize(WIDE);
    await openForm(page);
    await pasteToken(page, worker.token);
    await fillParameter(page, 'run_id', run);
    await fillParameter(page, 'evaluation_id', evaluation);

    expect(await sendForm(page)).toContain('200 OK');

    const { value, updated_by } = await worker.send('GET', path);
    expect({ value, updated_by }).toEqual({ value: 7.5, updated_by: SUBJECT });
    const withToken = sent.filter((request) => request.headers()['authorization'] !== undefined);
    expect(withToken.map((request) => `${request.method()} ${request.url()}`)).toEqual([
      `PUT ${worker.url.origin}${path}`,
    ]);
  });

  it('the form leaves out optional headers and parameters, though the document has examples', async () => {
    await openAndSendForm(window.page);

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

    expect(await readStoredData(page)).not.toContain('a-token-that-nobody-keeps');
    await page.reload();
    expect(await page.getByPlaceholder('Token').first().inputValue()).toBe('');
  });
});

describe('the page of the API reference', () => {
  it('the page ignores URLs and scripts in its own query and fragment', async () => {
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

  it('the Content-Security-Policy blocks only the check of Scalar whether eval works', async () => {
    const { page, context, noted } = await openWindow(browser, {}, () => true);
    await page.addInitScript(`globalThis.refused = [];
      document.addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective + ' ' + event.blockedURI))`);

    await openAndSendForm(page);

    expect(await page.evaluate('refused')).toEqual(['script-src eval']);
    expect(noted.filter((message) => !SCALAR_VERSION.test(message))).toEqual([]);
    await context.close();
  });

  it('the page without JavaScript has a link to the document as JSON', async () => {
    const { page, context } = await openWindow(browser, { javaScriptEnabled: false }, () => true);
    await page.goto(String(worker.url));

    await page.getByRole('link', { name: 'The same as JSON' }).click();

    expect(page.url()).toBe(`${worker.url.origin}/openapi.json`);
    await context.close();
  });
});
