/**
 * Opens a browser window as a person does, and records what a page must never do: write to the
 * console, open a dialog, or send an unexpected request.
 */
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  Page,
  Request,
} from 'playwright-core';

export type Window = {
  readonly context: BrowserContext;
  readonly page: Page;
  /** The console messages, dialogs, uncaught errors and unexpected requests of all tabs. */
  readonly noted: string[];
};

/** Chromium writes this message to the console for every page with a status of 400 or more. */
const FAILED_PAGE = /^Failed to load resource: the server responded with a status of [45]\d\d /;

const isLinkPage = (request: Request) =>
  new URL(request.url()).pathname === '/v1/link' && request.isNavigationRequest();

/**
 * Opens a window with one tab. A request for which `isExpected` returns false is recorded in
 * `noted`. The default expects only requests that open or submit the page of a link.
 */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
  isExpected: (request: Request) => boolean = isLinkPage,
): Promise<Window> {
  const context = await browser.newContext(options);
  const noted: string[] = [];
  context.on('console', (message) => {
    if (!FAILED_PAGE.test(message.text())) noted.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => noted.push(error.error().message));
  context.on('dialog', async (dialog) => {
    noted.push(`${dialog.type()}: ${dialog.message()}`);
    await dialog.dismiss();
  });
  context.on('request', (request) => {
    if (!isExpected(request)) noted.push(`${request.method()} ${request.url()}`);
  });
  return { context, page: await context.newPage(), noted };
}

/**
 * Presses a button of the form, and waits until the next page has loaded. Playwright's click alone
 * returns when the form is sent.
 */
export async function pressButton(page: Page, name: string): Promise<void> {
  const arrived = page.waitForEvent('framenavigated');
  await page.getByRole('button', { name, exact: true }).click();
  await arrived;
  await page.waitForLoadState();
}

export async function storeNumber(page: Page, value: string): Promise<void> {
  await page.getByRole('spinbutton').fill(value);
  await pressButton(page, 'Store');
}
