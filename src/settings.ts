/**
 * Reads the settings of a deployment. The protected routes are the routes that need a token or a
 * link. The first request to a protected route reads the settings, and the isolate keeps the
 * result. If a setting is wrong, every request to a protected route gets 500, and the log tells
 * what to fix. A blank setting counts as missing.
 */

import { misconfigured } from './failure.ts';
import { parsePointer } from './pointer.ts';
import { SHARED_ACCOUNT } from './principal.ts';

/**
 * The names of the three settings that can contain the keys that verify tokens. A deployment sets
 * exactly one of the three.
 */
const KEY_SETTINGS = ['JWT_SECRET', 'JWT_JWKS', 'JWT_JWKS_URL'] as const;

/**
 * The environment variables that this file reads. The Worker passes its whole `env`, which contains
 * bindings too. A program that has no bindings passes only the variables.
 */
export type Variables = {
  readonly [name in
    | (typeof KEY_SETTINGS)[number]
    | 'JWT_ISSUER'
    | 'JWT_AUDIENCE'
    | 'JWT_CLIENT_CLAIM'
    | 'JWT_CLIENTS'
    | 'JWT_ACCOUNT_CLAIM'
    | 'JWT_SUBJECT_CLAIM'
    | 'JWT_RUN_CLAIM'
    | 'JWT_REQUIRED_SCOPE'
    | 'JWT_HEADER'
    | 'LINK_SECRET'
    | 'ACCOUNT_OBJECTS'
    | 'CORS_ORIGINS']?: string | undefined;
} & { readonly CF_VERSION_METADATA?: { readonly id: string } };

/** A key for HS256 must be at least as long as the hash: 256 bits, or 32 bytes (RFC 7518 §3.2). */
const SECRET_MIN_BYTES = 32;

/**
 * The source of the keys that verify tokens: a secret, a key set in a setting, or the URL of a key
 * set. A deployment has exactly one source, so only the keys of this source can verify a token.
 */
export type KeySource =
  | { readonly kind: 'secret'; readonly secret: Uint8Array }
  /** A JSON Web Key Set (RFC 7517 §5) as text. auth/jwks.ts checks it. */
  | { readonly kind: 'inline'; readonly json: string }
  | RemoteKeySource;

export type RemoteKeySource = {
  readonly kind: 'remote';
  readonly url: URL;
  /** The id of the Worker's deployed version; undefined without the binding CF_VERSION_METADATA. */
  readonly version: string | undefined;
};

export type Settings = {
  readonly keys: KeySource;
  /** The accepted values of `iss`. If the list is empty, every issuer is accepted. */
  readonly issuers: readonly string[];
  /**
   * The accepted audiences: `aud` must be or contain one of them. If the list is empty, every
   * audience is accepted.
   */
  readonly audiences: readonly string[];
  /**
   * The claim that names a token's client, and the accepted clients. If undefined, every client is
   * accepted.
   */
  readonly clients:
    | { readonly claim: ClaimSetting; readonly accepted: readonly string[] }
    | undefined;
  readonly account: ClaimSetting;
  /** The claim that names the author of what the caller writes. */
  readonly subject: ClaimSetting;
  /** The claim that restricts a token to one run. */
  readonly run: ClaimSetting;
  /** A scope that each token must have; undefined if the deployment requires none. */
  readonly requiredScope: string | undefined;
  /**
   * The name of a header whose whole value is the token. Undefined if callers send the header
   * `Authorization: Bearer <token>` instead.
   */
  readonly tokenHeader: string | undefined;
  /**
   * The secret that signs and verifies links: the URL of a link contains a signed text that gives
   * access. Undefined if links are off.
   */
  readonly linkSecret: Uint8Array | undefined;
  readonly accountObjects: AccountObjects;
};

/**
 * The jurisdictions that a Durable Object may have. The platform keeps the object's data inside its
 * jurisdiction (Durable Objects: Data location).
 */
export const JURISDICTIONS = ['eu', 'fedramp', 'fedramp-high', 'us'] as const;

/**
 * The location hints that a Durable Object may have. The platform creates the object near its
 * location hint (Durable Objects: Data location).
 */
export const LOCATIONS = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'apac-ne',
  'apac-se',
  'oc',
  'afr',
  'me',
] as const;

/**
 * The place of a Durable Object: a jurisdiction or a location hint. If the place is an empty text,
 * the platform creates the object near the caller who first needs it.
 */
export type Place = (typeof JURISDICTIONS)[number] | (typeof LOCATIONS)[number] | '';

/**
 * The setting ACCOUNT_OBJECTS. It tells which accounts have their rows in a Durable Object of their
 * own, and the place of each object. The rows of all other accounts are in D1.
 */
export type AccountObjects = {
  /** The place of the object of each account that the setting names. The keys are account ids. */
  readonly places: ReadonlyMap<string, Place>;
  /**
   * If the setting has an entry `*`, the place of the objects of all accounts that it does not
   * name. Undefined if these accounts are in D1.
   */
  readonly otherwise: Place | undefined;
};

/**
 * A setting that tells where a claim is in a token. `name` is the text of the setting, and `steps`
 * are the property names that lead to the claim.
 * - If the text starts with a slash, it is a JSON Pointer: `/o/id` has the steps `["o", "id"]`.
 * - Any other text, such as `https://example.com/account`, is the name of one property.
 */
export type ClaimSetting = { readonly name: string; readonly steps: readonly string[] };

/**
 * Returns the origins in CORS_ORIGINS, which are separated by commas. If the setting is missing or
 * wrong, returns an empty list and does not throw. Only readSettings throws for a wrong setting.
 */
export const readOrigins = (env: Variables): readonly string[] => {
  const origins = (nonBlank(env.CORS_ORIGINS) ?? '').split(',').map((origin) => origin.trim());
  return origins.every((origin) => origin === '*' || URL.parse(origin)?.origin === origin)
    ? origins
    : [];
};

/**
 * Reads and checks all settings.
 * @throws {Failure} `misconfigured`. The log names the setting, and the command that fixes it.
 */
export function readSettings(env: Variables): Settings {
  const keys = readKeySource(env);
  const issuers = splitWords(env.JWT_ISSUER);
  const audiences = splitWords(env.JWT_AUDIENCE);
  const clients = readClients(env);
  if (keys.kind === 'secret') {
    // The secret both verifies and signs tokens. If JWT_ISSUER named several issuers, all of them
    // would have the secret, and each could sign tokens in the name of another.
    if (issuers.length > 1)
      throw misconfigured('JWT_ISSUER', 'may name several issuers only with a key set');
  } else {
    // An issuer may sign tokens for many APIs with the keys of one key set. This deployment must
    // not accept the tokens that are meant for other APIs. So it must name the issuer, and must
    // name its audience or its clients.
    if (issuers.length === 0) throw misconfigured('JWT_ISSUER', 'must be set with a key set');
    if (audiences.length === 0 && !clients) {
      throw misconfigured(
        'JWT_AUDIENCE',
        'or JWT_CLIENT_CLAIM and JWT_CLIENTS must be set with a key set',
      );
    }
  }
  if (nonBlank(env.CORS_ORIGINS) !== undefined && readOrigins(env).length === 0) {
    throw misconfigured(
      'CORS_ORIGINS',
      'must be origins such as https://app.example, separated by commas, or *',
    );
  }
  return {
    keys,
    issuers,
    audiences,
    clients,
    account: readClaim('JWT_ACCOUNT_CLAIM', nonBlank(env.JWT_ACCOUNT_CLAIM) ?? 'account_id'),
    subject: readClaim('JWT_SUBJECT_CLAIM', nonBlank(env.JWT_SUBJECT_CLAIM) ?? 'sub'),
    run: readClaim('JWT_RUN_CLAIM', nonBlank(env.JWT_RUN_CLAIM) ?? 'run_id'),
    requiredScope: requireQuotable('JWT_REQUIRED_SCOPE', nonBlank(env.JWT_REQUIRED_SCOPE)),
    tokenHeader: readTokenHeader(nonBlank(env.JWT_HEADER)),
    linkSecret: readLinkSecret(env),
    accountObjects: readAccountObjects(env),
  };
}

/** Returns the place of the account's Durable Object; undefined if the account's rows are in D1. */
export function findPlace(
  { places, otherwise }: AccountObjects,
  account: string,
): Place | undefined {
  // The shared labels stay in D1, because every account uses them.
  return account === SHARED_ACCOUNT ? undefined : (places.get(account) ?? otherwise);
}

/**
 * The entry in ACCOUNT_OBJECTS that means all accounts without an entry of their own. If the id of
 * an account is `*`, the entry of this account is `%2A`.
 */
const ALL_ACCOUNTS = '*';

/**
 * Returns the entry of ACCOUNT_OBJECTS for an account and the place of its Durable Object:
 * `acc_berlin@eu`, or `acc_berlin` if the place is empty.
 */
export const formatAccountObjectEntry = (account: string, place: string): string =>
  encodeURIComponent(account).replaceAll('*', '%2A') + (place === '' ? '' : `@${place}`);

function readAccountObjects(env: Variables): AccountObjects {
  const places = new Map<string, Place>();
  let otherwise: Place | undefined;
  for (const entry of splitWords(env.ACCOUNT_OBJECTS)) {
    const [, name = '', place = ''] = /^([^@,]+)(?:@([a-z-]+))?$/.exec(entry) ?? [];
    const account = decodeName(name);
    if (!account || !isPlace(place)) throw misconfigured('ACCOUNT_OBJECTS', ENTRIES);
    if (account === SHARED_ACCOUNT)
      throw misconfigured('ACCOUNT_OBJECTS', 'cannot name shared, whose labels stay in D1');
    if (name === ALL_ACCOUNTS ? otherwise !== undefined : places.has(account))
      throw misconfigured('ACCOUNT_OBJECTS', 'names an account twice');
    if (name === ALL_ACCOUNTS) otherwise = place;
    else places.set(account, place);
  }
  return { places, otherwise };
}

const ENTRIES = `must be accounts such as acc_berlin or acc_berlin@eu, separated by spaces, or * for all; places are ${[...JURISDICTIONS, ...LOCATIONS].join(' ')}; a space, comma, @, * or % in a name is percent-encoded`;

const isPlace = (text: string): text is Place =>
  ['', ...JURISDICTIONS, ...LOCATIONS].some((place) => place === text);

/**
 * Decodes the percent-encoded id of an account in ACCOUNT_OBJECTS. Returns undefined if the
 * encoding is wrong.
 */
function decodeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

function readLinkSecret(env: Variables): Uint8Array | undefined {
  const secret = nonBlank(env.LINK_SECRET);
  if (secret === undefined) return undefined;
  // The two secrets must differ. Otherwise a program that can sign tokens could also sign links for
  // any author, and a program that can sign links could also sign tokens.
  if (secret === nonBlank(env.JWT_SECRET))
    throw misconfigured('LINK_SECRET', 'must not be the same as JWT_SECRET');
  return readSecret('LINK_SECRET', secret);
}

function readSecret(name: string, value: string): Uint8Array {
  const secret = new TextEncoder().encode(value);
  if (secret.byteLength >= SECRET_MIN_BYTES) return secret;
  throw misconfigured(name, `has ${secret.byteLength} bytes and needs ${SECRET_MIN_BYTES} or more`);
}

function readClients(env: Variables): Settings['clients'] {
  const name = nonBlank(env.JWT_CLIENT_CLAIM);
  const accepted = splitWords(env.JWT_CLIENTS);
  if (name === undefined && accepted.length === 0) return undefined;
  if (name === undefined) throw misconfigured('JWT_CLIENT_CLAIM', 'must be set with JWT_CLIENTS');
  if (accepted.length === 0)
    throw misconfigured('JWT_CLIENTS', 'must be set with JWT_CLIENT_CLAIM');
  return { claim: readClaim('JWT_CLIENT_CLAIM', name), accepted };
}

function readClaim(setting: string, value: string): ClaimSetting {
  const name = requireQuotable(setting, value);
  if (!name.startsWith('/')) return { name, steps: [name] };
  const steps = parsePointer(name);
  if (steps) return { name, steps };
  throw misconfigured(
    setting,
    'must be a JSON Pointer (RFC 6901), in which ~ is written ~0, because it starts with /',
  );
}

function readTokenHeader(name: string | undefined): string | undefined {
  // RFC 9110 §5.6.2 lists the characters that the name of a header may have.
  if (name === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(name))
    return name?.toLowerCase() === 'authorization' ? undefined : name;
  throw misconfigured('JWT_HEADER', 'must be the name of a header');
}

function readKeySource(env: Variables): KeySource {
  const [name, ...others] = KEY_SETTINGS.filter((setting) => nonBlank(env[setting]) !== undefined);
  if (name === undefined)
    throw misconfigured('JWT_SECRET', 'or JWT_JWKS or JWT_JWKS_URL must be set');
  if (others.length > 0)
    throw misconfigured(name, `and ${others.join(' and ')} are set: keep one and delete the other`);
  const value = env[name] ?? '';
  switch (name) {
    case 'JWT_SECRET':
      return { kind: 'secret', secret: readSecret(name, value) };
    case 'JWT_JWKS':
      return { kind: 'inline', json: value };
    case 'JWT_JWKS_URL':
      return { kind: 'remote', url: readUrl(value), version: env.CF_VERSION_METADATA?.id };
  }
}

function readUrl(value: string): URL {
  const url = URL.parse(value);
  const local =
    url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && (url.protocol === 'https:' || local) && !url.username && !url.password) return url;
  throw misconfigured(
    'JWT_JWKS_URL',
    'must be an https URL without credentials (plain http for localhost only)',
  );
}

/**
 * Returns the value of the setting `name`. Throws `misconfigured` if the value contains a character
 * that no quoted text in the header WWW-Authenticate may contain (RFC 6750 §3, RFC 6749 §3.3). The
 * Worker writes the value into this header if it refuses a token.
 */
function requireQuotable<T extends string | undefined>(name: string, value: T): T {
  if (value === undefined || /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) return value;
  throw misconfigured(name, 'must be one word of printable ASCII without quotes and backslashes');
}

/** Splits a setting at white space. */
const splitWords = (setting: string | undefined) => nonBlank(setting)?.split(/\s+/) ?? [];

const nonBlank = (setting: string | undefined) => setting?.trim() || undefined;
