/**
 * Opens a browser window, and records console messages, errors, dialogs and unexpected requests.
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
  readonly noted: string[];
};

/** Chromium writes this message for every page with a status of 400 or more. */
const FAILED_PAGE = /^Failed to load resource: the server responded with a status of [45]\d\d /;

const isLinkPage = (request: Request) =>
  new URL(request.url()).pathname === '/v1/link' && request.isNavigationRequest();

/** Opens a window with one tab. `noted` contains requests for which `isExpected` returns false. */
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

/** Presses a button and waits for the next page. Playwright's `click` does not wait for it. */
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
