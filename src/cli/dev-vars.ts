/** `.dev.vars`: the settings of the local Worker, and the secret that signs development tokens. Never committed. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

const FILE = '.dev.vars';

export type DevVars = {
  readonly JWT_SECRET?: string;
  readonly JWT_ACCOUNT_CLAIM?: string;
  readonly JWT_ISSUER?: string;
  readonly JWT_AUDIENCE?: string;
  readonly JWT_REQUIRED_SCOPE?: string;
};

/** Writes a fresh secret where there is no file yet; says whether it did. */
export function createDevVars(): boolean {
  if (existsSync(FILE)) return false;
  const secret = randomBytes(48).toString('base64url');
  writeFileSync(
    FILE,
    `# The local Worker's settings, see .dev.vars.example. Not for any other place.\nJWT_SECRET=${secret}\n`,
    {
      mode: 0o600,
    },
  );
  return true;
}

/** @throws {Error} when the file is missing. */
export function readDevVars(): DevVars {
  if (!existsSync(FILE)) throw new Error(`There is no ${FILE} yet: run \`npm start\` once, which makes it.`);
  return parseEnv(readFileSync(FILE, 'utf8'));
}
