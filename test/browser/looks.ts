/**
 * Defines the looks in which the browser tests examine a page. A look is a colour scheme together
 * with a screen size: for example, dark on a desktop screen. This file also has functions that run
 * axe-core (a checker of accessibility), measure the width of the page, and take a picture.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * The options of the browser window that shows all looks. The window always has the touch screen
 * and the pixel density of a phone, even if the look has the size of a desktop screen.
 */
export const CONTEXT = { deviceScaleFactor: 2, isMobile: true, hasTouch: true } as const;
const DESKTOP = { width: 1024, height: 768 };
export const PHONE = { width: 390, height: 844 };

export const LOOKS = [
  { name: 'light', colorScheme: 'light', size: DESKTOP },
  { name: 'dark', colorScheme: 'dark', size: DESKTOP },
  { name: 'phone', colorScheme: 'light', size: PHONE },
  { name: 'phone-dark', colorScheme: 'dark', size: PHONE },
] as const;

export async function setLook(page: Page, look: (typeof LOOKS)[number]): Promise<void> {
  await page.setViewportSize(look.size);
  await page.emulateMedia({ colorScheme: look.colorScheme });
}

/**
 * Loads the script of axe-core into the page. Call this function before `findViolations`. The
 * page's Content-Security-Policy cannot stop the script, because Playwright evaluates it.
 */
export const loadAxe = (page: Page) => page.evaluate(AXE);

type Violation = { readonly id: string; readonly elements: string };

/**
 * Returns the rules of axe-core that the page violates, each with the HTML of the elements that
 * violate the rule.
 */
export const findViolations = (page: Page): Promise<Violation[]> =>
  page.evaluate(`axe
    .run(document, { rules: { 'target-size': { enabled: true } } })
    .then(({ violations }) => violations.map(({ id, nodes }) => ({ id, elements: nodes.map(({ html }) => html).join(' ') })))`);

/** Returns how many pixels the page is wider than the screen. */
export const measureOverflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/**
 * If the environment variable SCREENSHOTS names a folder, writes a picture of the page into this
 * folder. Otherwise does nothing.
 */
export async function takePicture(
  page: Page,
  name: string,
  options: { readonly fullPage: boolean },
): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name.replaceAll(/\W+/g, '-')}.png`), ...options });
}
