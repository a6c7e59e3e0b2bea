/** Finds an installed Chromium, and starts it with playwright-core. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * Returns the path in CHROMIUM, or the first program in PATH whose name is in NAMES.
 * @throws {Error} if Chromium is not installed
 */
export function findChromium({ CHROMIUM, PATH = '' }: NodeJS.ProcessEnv): string {
  const paths = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = CHROMIUM || paths.find(isExecutable);
  if (found) return found;
  throw new Error(
    'No Chromium is installed: `apt-get install --no-install-recommends chromium fonts-dejavu-core`, or set CHROMIUM to the path of one.',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: findChromium({
      ...process.env,
      PATH: `${process.env['PATH']}${delimiter}/usr/bin`,
    }),
    // Chromium cannot run its sandbox as root.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
