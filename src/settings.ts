/**
 * The settings of a deployment, read by the first protected request of an isolate and kept. A wrong setting fails closed:
 * every protected request answers 500, and the log says what to fix. Blank counts as not set.
 */
import { Failure, INTERNAL_ERROR } from './failure.ts';

/** RFC 7518 §3.2: an HS256 key has at least as many bits as the hash. */
const SECRET_MIN_BYTES = 32;

/** Where the keys come from. Exactly one source, so that what is verified with one can never be verified with another. */
export type KeySource =
  | { readonly kind: 'secret'; readonly secret: Uint8Array }
  /** A JSON Web Key Set (RFC 7517 §5) as text, not yet checked. */
  | { readonly kind: 'inline'; readonly json: string }
  | RemoteKeySource;

export type RemoteKeySource = {
  readonly kind: 'remote';
  readonly url: URL;
  /** The id of the deployed version. */
  readonly version: string | undefined;
};

export type Settings = {
  readonly keys: KeySource;
  /** The claim that holds the account, for instance `account_id` or `https://example.com/account`. */
  readonly accountClaim: string;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** One scope that each token must carry. */
  readonly requiredScope: string | undefined;
};

/** The origins of CORS_ORIGINS, separated by commas; empty if unset, or wrong, which readSettings then reports. */
export const readOrigins = (env: Partial<Env>): readonly string[] => {
  const origins = (present(env.CORS_ORIGINS) ?? '').split(',').map((origin) => origin.trim());
  return origins.every((origin) => origin === '*' || URL.parse(origin)?.origin === origin) ? origins : [];
};

const KEY_SETTINGS = ['JWT_SECRET', 'JWT_JWKS', 'JWT_JWKS_URL'] as const;

/** @throws {Failure} `misconfigured`, naming the setting and the command that fixes it. */
export function readSettings(env: Partial<Env>): Settings {
  const keys = readKeySource(env);
  const issuer = present(env.JWT_ISSUER);
  const audience = present(env.JWT_AUDIENCE);
  // An issuer signs for many APIs: without these, a token for any other of them would be accepted here.
  if (keys.kind !== 'secret' && issuer === undefined) throw misconfigured('JWT_ISSUER', 'must be set with a key set');
  if (keys.kind !== 'secret' && audience === undefined)
    throw misconfigured('JWT_AUDIENCE', 'must be set with a key set');
  if (present(env.CORS_ORIGINS) !== undefined && readOrigins(env).length === 0) {
    throw misconfigured('CORS_ORIGINS', 'must be origins such as https://app.example, separated by commas, or *');
  }
  return {
    keys,
    issuer,
    audience,
    accountClaim: quotable('JWT_ACCOUNT_CLAIM', present(env.JWT_ACCOUNT_CLAIM) ?? 'account_id'),
    requiredScope: quotable('JWT_REQUIRED_SCOPE', present(env.JWT_REQUIRED_SCOPE)),
  };
}

function readKeySource(env: Partial<Env>): KeySource {
  const names = KEY_SETTINGS.filter((name) => present(env[name]) !== undefined);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw misconfigured(
      name ?? 'JWT_SECRET',
      `is one of ${KEY_SETTINGS.join(', ')}, of which exactly one must be set; ${names.length} are`,
    );
  }
  const value = env[name] ?? '';
  switch (name) {
    case 'JWT_SECRET': {
      const secret = new TextEncoder().encode(value);
      if (secret.byteLength >= SECRET_MIN_BYTES) return { kind: 'secret', secret };
      throw misconfigured(name, `holds ${secret.byteLength} bytes and needs ${SECRET_MIN_BYTES} or more`);
    }
    case 'JWT_JWKS':
      return { kind: 'inline', json: value };
    case 'JWT_JWKS_URL':
      return { kind: 'remote', url: readUrl(value), version: env.CF_VERSION_METADATA?.id };
  }
}

function readUrl(value: string): URL {
  const url = URL.parse(value);
  const local = url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && (url.protocol === 'https:' || local) && !url.username && !url.password) return url;
  throw misconfigured('JWT_JWKS_URL', 'must be an https URL without credentials (plain http for localhost only)');
}

/** What is shown inside quotes in WWW-Authenticate: no space, quote or backslash (RFC 6750 §3, RFC 6749 §3.3). */
function quotable<T extends string | undefined>(name: string, value: T): T {
  if (value === undefined || /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) return value;
  throw misconfigured(name, 'must be one word of printable ASCII without quotes and backslashes');
}

const present = (setting: string | undefined) => setting?.trim() || undefined;

const FIX: { readonly [setting: string]: string } = {
  JWT_SECRET:
    'run `openssl rand -base64 48 | npx wrangler secret put JWT_SECRET --env=<environment>` (empty for production), or `npm start` for a local one',
};

/** The log names the setting and the command that fixes it, never its value. */
export const misconfigured = (setting: string, fault: string) =>
  new Failure(
    'misconfigured',
    INTERNAL_ERROR,
    {},
    {
      cause: `${setting} ${fault}: ${FIX[setting] ?? `run \`npx wrangler secret put ${setting} --env=<environment>\` (empty for production), or fix it in wrangler.toml or .dev.vars`}`,
    },
  );
