/** Lists the looks of a page that the browser tests examine, and measures each of them. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** One context for all looks: the pictures of the other looks are as sharp as a phone's screen. */
export const CONTEXT = { deviceScaleFactor: 2, isMobile: true, hasTouch: true } as const;
const DESKTOP = { width: 1024, height: 768 };
export const PHONE = { width: 390, height: 844 };

export const LOOKS = [
  { name: 'light', colorScheme: 'light', size: DESKTOP },
  { name: 'dark', colorScheme: 'dark', size: DESKTOP },
  { name: 'phone', colorScheme: 'light', size: PHONE },
  { name: 'phone-dark', colorScheme: 'dark', size: PHONE },
] as const;

export async function show(page: Page, look: (typeof LOOKS)[number]): Promise<void> {
  await page.setViewportSize(look.size);
  await page.emulateMedia({ colorScheme: look.colorScheme });
}

/**
 * Brings axe-core into the page, which `findViolations` needs. The page's policy does not stop it.
 */
export const loadAxe = (page: Page) => page.evaluate(AXE);

type Violation = { readonly id: string; readonly elements: string };

/** Returns what axe-core objects to: the id of each rule, and the elements that violate it. */
export const findViolations = (page: Page): Promise<Violation[]> =>
  page.evaluate(`axe
    .run(document, { rules: { 'target-size': { enabled: true } } })
    .then(({ violations }) => violations.map(({ id, nodes }) => ({ id, elements: nodes.map(({ html }) => html).join(' ') })))`);

/** Returns how many pixels of the page are beyond the right edge of the screen. */
export const measureOverflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** Writes a picture of the page into the folder SCREENSHOTS, if there is one. */
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
