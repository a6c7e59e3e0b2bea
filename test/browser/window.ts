/**
 * Opens a browser window, and records everything that a page must never do: write to the console,
 * throw an error, open a dialog, or send an unexpected request.
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

/**
 * Chromium itself writes this message to the console for every page with a status of 400 or more.
 * So `openWindow` does not record the message.
 */
const FAILED_PAGE = /^Failed to load resource: the server responded with a status of [45]\d\d /;

const isLinkPage = (request: Request) =>
  new URL(request.url()).pathname === '/v1/link' && request.isNavigationRequest();

/**
 * Opens a window with one tab. If `isExpected` returns false for a request, this function adds the
 * request to `noted`. Without the parameter `isExpected`, a request is expected only if it opens or
 * submits the page of a link.
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
 * Presses a button of the form, and waits until the next page has loaded. Playwright's `click`
 * waits only until the browser has sent the form.
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
