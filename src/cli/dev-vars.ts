/**
 * Creates and reads `.dev.vars`: the settings of the local Worker, including its secrets. Never
 * commit that file.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { JwksError, readConfiguredJwks } from '../auth/jwks.ts';
import { Failure, misconfigured } from '../failure.ts';
import { readSettings, type Settings, type Variables } from '../settings.ts';

const FILE = '.dev.vars';
const CONFIGURATION = 'wrangler.toml';

const createSecret = () => randomBytes(48).toString('base64url');

/** Creates the file with random secrets. Returns false if the file exists already. */
export function createDevVars(): boolean {
  if (existsSync(FILE)) return false;
  const header = "# The local Worker's settings, see .dev.vars.example. Not for any other place.";
  writeFileSync(FILE, `${header}\nJWT_SECRET=${createSecret()}\nLINK_SECRET=${createSecret()}\n`, {
    mode: 0o600,
  });
  return true;
}

/**
 * Adds a random LINK_SECRET to the file. Returns false if the file has the setting, even a blank
 * one, which turns links off.
 */
export function addLinkSecret(): boolean {
  const text = readFileSync(FILE, 'utf8');
  if ('LINK_SECRET' in parseEnv(text)) return false;
  appendFileSync(
    FILE,
    `${text === '' || text.endsWith('\n') ? '' : '\n'}LINK_SECRET=${createSecret()}\n`,
  );
  return true;
}

/**
 * Reads the settings as the local Worker reads them.
 * @throws {Error} if the file is missing, or if a setting is wrong.
 */
export async function readLocalSettings(): Promise<Settings> {
  if (!existsSync(FILE))
    throw new Error(`There is no ${FILE} yet: run \`npm start\` once, which creates the file.`);
  const text = readFileSync(FILE, 'utf8');
  const line = findUnreadableLine(text);
  if (line !== undefined)
    throw new Error(
      `Line ${line} of ${FILE} cannot be read: write NAME=value, or # and a comment.`,
    );
  const unknown = Object.keys(parseEnv(text)).find((name) => !(name in parseEnv(readExample())));
  if (unknown !== undefined)
    throw new Error(`${FILE} sets ${unknown}, which is no setting: .dev.vars.example lists them.`);
  try {
    const settings = readSettings({ ...(await readConfiguredVariables()), ...parseEnv(text) });
    if (settings.keys.kind === 'inline') await checkKeySet(settings.keys.json);
    return settings;
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    // `log.cause` ends with a command that changes the deployed setting, not .dev.vars.
    const fault = (thrown.log.cause ?? thrown.message).replace(/: run `.*/s, '');
    throw new Error(`A setting in ${FILE} is wrong: ${fault}. Correct it there, and start again.`);
  }
}

const readExample = () => readFileSync('.dev.vars.example', 'utf8');

function findUnreadableLine(text: string): number | undefined {
  // A quoted value may have several lines. Each further line becomes `#`, so the line numbers stay
  // right.
  const quoted = /^[ \t]*(?:export\s+)?[\w.-]+[ \t]*=[ \t]*(["'`])[\s\S]*?\1/gm;
  const oneLine = text.replace(quoted, (found) => found.replace(/\n.*/g, '\n#'));
  const index = oneLine
    .split('\n')
    .findIndex((line) => !/^\s*(?:#.*|(?:export\s+)?[\w.-]+\s*=.*)?$/.test(line));
  return index < 0 ? undefined : index + 1;
}

/**
 * Reads the variables in wrangler.toml. Importing wrangler is slow, so a file without variables
 * avoids the import.
 */
async function readConfiguredVariables(): Promise<Variables> {
  if (!/^\s*\[?vars\b/m.test(readFileSync(CONFIGURATION, 'utf8'))) return {};
  const { unstable_readConfig } = await import('wrangler');
  return unstable_readConfig({ config: CONFIGURATION }).vars;
}

async function checkKeySet(json: string): Promise<void> {
  await readConfiguredJwks(json).catch((thrown: unknown) => {
    throw misconfigured(
      'JWT_JWKS',
      thrown instanceof JwksError ? thrown.message : 'is not a JSON Web Key Set',
    );
  });
}
