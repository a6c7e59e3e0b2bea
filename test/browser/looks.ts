/** Examines a page in several looks. A look is a colour scheme with a screen size. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Every look has the touch screen and the pixel density of a phone. */
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

/** Loads axe-core, which `findViolations` needs. */
export const loadAxe = (page: Page) => page.evaluate(AXE);

type Violation = { readonly id: string; readonly elements: string };

/** Returns the rules of axe-core that the page violates. */
export const findViolations = (page: Page): Promise<Violation[]> =>
  page.evaluate(`axe
    .run(document, { rules: { 'target-size': { enabled: true } } })
    .then(({ violations }) => violations.map(({ id, nodes }) => ({ id, elements: nodes.map(({ html }) => html).join(' ') })))`);

/** Returns how many pixels the page is wider than the screen. */
export const measureOverflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** Writes a picture of the page if the environment variable SCREENSHOTS names a folder. */
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
