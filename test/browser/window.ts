/** Opens a person's browser window, and notes what a page must never do. */
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
  /** Every message of the console, every dialog, and every unexpected request, in all tabs. */
  readonly noted: string[];
};

/** Chromium itself writes this message for any page whose status is a failure. */
const STATUS_OF_PAGE = /^Failed to load resource: the server responded with a status of [45]\d\d /;

const isLinkPage = (request: Request) =>
  new URL(request.url()).pathname === '/v1/link' && request.isNavigationRequest();

/**
 * Opens a window. It expects only requests of a link's page, unless `isExpected` allows other ones.
 */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
  isExpected: (request: Request) => boolean = isLinkPage,
): Promise<Window> {
  const context = await browser.newContext(options);
  const noted: string[] = [];
  context.on('console', (message) => {
    if (!STATUS_OF_PAGE.test(message.text())) noted.push(`${message.type()}: ${message.text()}`);
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
 * Presses a button of the form, and waits for the next page: a click returns when the form is sent.
 */
export async function press(page: Page, name: string): Promise<void> {
  const arrived = page.waitForEvent('framenavigated');
  await page.getByRole('button', { name, exact: true }).click();
  await arrived;
  await page.waitForLoadState();
}

/** Fills in the field and presses its button. */
export async function answer(page: Page, value: string): Promise<void> {
  await page.getByRole('spinbutton').fill(value);
  await press(page, 'Store');
}
